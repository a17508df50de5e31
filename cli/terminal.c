/*
 * Asking on the terminal: the second half of passwords.h.
 *
 * /dev/tty is used whatever stdin and stdout are. Echo is switched off for a password, and on again
 * whatever happens: signals that would end or stop the program are held until the terminal is as it
 * was, and then raised again.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/passwords.h"
#include "cli/progress.h"
#include "core/limits.h"

static const int watched[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
#define WATCHED_COUNT (sizeof(watched) / sizeof(watched[0]))

/* A signal handler has nothing else to write to. */
static volatile sig_atomic_t caught_signal;

static void note_signal(int number)
{
    caught_signal = number;
}

static void watch_signals(struct sigaction before[WATCHED_COUNT])
{
    struct sigaction action = {.sa_handler = note_signal}; /* no SA_RESTART: read must return */

    caught_signal = 0;
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < WATCHED_COUNT; i++)
        (void)sigaction(watched[i], &action, &before[i]);
}

static void unwatch_signals(const struct sigaction before[WATCHED_COUNT])
{
    for (size_t i = 0; i < WATCHED_COUNT; i++)
        (void)sigaction(watched[i], &before[i], NULL);
    if (caught_signal != 0)
        (void)raise((int)caught_signal);
}

bool kf_can_ask(const struct kf_session *session)
{
    int fd = session->no_input ? -1 : open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return false;
    (void)close(fd);
    return true;
}

static bool write_all(int fd, const void *data, size_t len)
{
    const char *bytes = data;

    while (len != 0) {
        ssize_t done = write(fd, bytes, len);

        if (done < 0 && errno == EINTR && caught_signal == 0)
            continue;
        if (done <= 0)
            return false;
        bytes += done;
        len -= (size_t)done;
    }
    return true;
}

static bool prompt(int fd, const char *before, const char *what)
{
    struct kf_buf shown = KF_PUBLIC_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    bool done = kf_visible_text(&shown, what, &error) == KF_OK &&
                write_all(fd, before, strlen(before)) && write_all(fd, shown.data, shown.len) &&
                write_all(fd, ": ", 2);

    kf_buf_reset(&shown);
    return done;
}

/* A line from the terminal; false at its end, for a signal, or for a line that is too long. */
static bool read_answer(int fd, struct kf_buf *out, struct kf_error *error)
{
    kf_buf_clear(out);
    for (;;) {
        char byte = 0;
        ssize_t got = read(fd, &byte, 1);

        if (got < 0 && errno == EINTR && caught_signal == 0)
            continue;
        if (got <= 0)
            return false;
        if (byte == '\n')
            return true;
        if (out->len == KF_MAX_PASSWORD || kf_buf_append(out, &byte, 1, error) != KF_OK)
            return false;
    }
}

static bool ask_once(int fd, const char *before, const char *what, bool echo, struct kf_buf *out,
                     struct kf_error *error)
{
    struct sigaction actions[WATCHED_COUNT];
    struct termios settings;
    struct termios quiet;
    bool answered = false;

    if (tcgetattr(fd, &settings) != 0)
        return false;
    quiet = settings;
    if (!echo)
        quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    watch_signals(actions);
    if (tcsetattr(fd, TCSAFLUSH, &quiet) == 0) {
        answered = prompt(fd, before, what) && read_answer(fd, out, error);
        (void)tcsetattr(fd, TCSAFLUSH, &settings);
        if (!echo)
            (void)write_all(fd, "\n", 1);
    }
    if (caught_signal != 0)
        answered = false;
    unwatch_signals(actions);
    return answered;
}

static enum kf_status ask(const struct kf_session *session, const char *what, bool echo, bool twice,
                          struct kf_buf *out, struct kf_error *error)
{
    struct kf_buf again = KF_SECRET_BUF;
    enum kf_status status = KF_OK;
    int fd = session->no_input ? -1 : open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return kf_fail(error, KF_FATAL, KF_CAUSE_SECRET, NULL,
                       session->no_input ? "no %s given, and --no-input forbids to ask"
                                         : "no %s given, and there is no terminal to ask on",
                       what);
    kf_progress_pause(true);
    if (!ask_once(fd, "", what, echo, out, error) ||
        (twice && !ask_once(fd, "again, the ", what, echo, &again, error)))
        status = kf_fail(error, KF_FATAL, KF_CAUSE_SECRET, NULL, "no %s given", what);
    else if (twice && !kf_slice_equal(kf_buf_slice(out), kf_buf_slice(&again)))
        status = kf_fail(error, KF_FATAL, KF_CAUSE_SECRET, NULL, "the two passwords differ");
    kf_progress_pause(false);
    kf_buf_reset(&again);
    (void)close(fd);
    return status;
}

enum kf_status kf_password_ask(const struct kf_session *session, const char *what, bool twice,
                               struct kf_buf *out, struct kf_error *error)
{
    return ask(session, what, false, twice, out, error);
}

enum kf_status kf_line_ask(const struct kf_session *session, const char *what, struct kf_buf *out,
                           struct kf_error *error)
{
    return ask(session, what, true, false, out, error);
}
