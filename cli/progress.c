/*
 * Progress: see progress.h for the contract.
 *
 * The time left is an estimate from the inputs alone: how many there are, and how much of the
 * current one was read. It is not shown before there is something to go by.
 */
#include "cli/progress.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/walk.h"

#define LINE_MAX_SIZE  256
#define BAR_SIZE       16
#define REDRAW_AFTER   0.1  /* seconds */
#define FIRST_AFTER    0.5  /* a run that is over sooner shows nothing */
#define LINE_AFTER     10.0 /* without a terminal */
#define ESTIMATE_AFTER 2.0

static struct progress {
    bool is_on;
    bool is_terminal;
    bool is_drawn;
    bool is_paused;
    uint64_t inputs;      /* in all; 0: not known */
    uint64_t seen_before; /* by an earlier part of the run */
    double part_before;   /* of the inputs, at the first tick */
    bool has_part_before;
    struct timespec begun;
    double shown; /* when last, in seconds from begun */
} progress;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* A list or a manifest that is a pipe could be read only once. */
static bool is_plain(const char *path)
{
    struct stat about;

    return stat(path, &about) == 0 && S_ISREG(about.st_mode);
}

static uint64_t count_inputs(const struct kf_arguments *arguments)
{
    const struct kf_walk_options options = {
        .operands = arguments->operands,
        .operand_count = arguments->operand_count,
        .manifest = kf_value(arguments, KF_OPT_MANIFEST),
        .recursive = kf_has(arguments, KF_OPT_RECURSIVE),
    };
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_walk_entry entry;
    struct kf_walk *walk = NULL;
    uint64_t count = 0;

    if (options.manifest != NULL && !is_plain(options.manifest))
        return 0;
    for (size_t i = 0; i < options.operand_count; i++) {
        if (options.operands[i][0] == '@' && !is_plain(options.operands[i] + 1))
            return 0;
    }
    if (kf_walk_new(&options, &walk, &error) != KF_OK)
        return 0;
    while (kf_walk_next(walk, &entry, &error) == KF_OK)
        count++;
    kf_walk_free(walk);
    return count;
}

static bool is_on_terminal(const struct kf_arguments *arguments)
{
    /* lines of JSON would run through it */
    return kf_is_able_terminal(STDERR_FILENO) &&
           (!kf_has(arguments, KF_OPT_JSON) || isatty(STDOUT_FILENO) == 0);
}

void kf_progress_begin(const struct kf_session *session, const struct kf_arguments *arguments,
                       const struct kf_totals *before)
{
    bool is_terminal = is_on_terminal(arguments);

    (void)pthread_mutex_lock(&lock);
    progress = (struct progress){
        .is_on = is_terminal || session->verbose,
        .is_terminal = is_terminal,
        .inputs = is_terminal ? count_inputs(arguments) : 0,
        .seen_before = before != NULL ? kf_totals_seen(before) : 0,
    };
    (void)clock_gettime(CLOCK_MONOTONIC, &progress.begun);
    (void)pthread_mutex_unlock(&lock);
}

static double seconds_since_begun(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - progress.begun.tv_sec) +
           (double)(now.tv_nsec - progress.begun.tv_nsec) / 1e9;
}

/* A line that is filled from its left; what does not fit is left out. */
struct line {
    char text[LINE_MAX_SIZE];
    size_t len, limit;
};

static void add(struct line *line, const char *format, ...) KF_PRINTF(2, 3);

static void add(struct line *line, const char *format, ...)
{
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(line->text + line->len, sizeof(line->text) - line->len, format, arguments);
    va_end(arguments);
    if (len > 0 && line->len + (size_t)len <= line->limit)
        line->len += (size_t)len;
    else
        line->limit = line->len; /* nor does what comes after it */
    line->text[line->len] = '\0';
}

static void add_bar(struct line *line, double part)
{
    char bar[BAR_SIZE + 1];
    size_t full = (size_t)(part * BAR_SIZE);

    for (size_t i = 0; i < BAR_SIZE; i++)
        bar[i] = i < full ? '=' : ' ';
    if (full < BAR_SIZE)
        bar[full] = '>';
    bar[BAR_SIZE] = '\0';
    add(line, "[%s] %3u %%  ", bar, (unsigned)(part * 100));
}

static void add_time_left(struct line *line, double part, double elapsed)
{
    double done = part - progress.part_before;
    uint64_t left;

    if (elapsed < ESTIMATE_AFTER || done <= 0.0 || part >= 1.0)
        return;
    left = (uint64_t)(elapsed * (1.0 - part) / done + 0.5);
    if (left >= 3600)
        add(line, "  %" PRIu64 ":%02u:%02u left", left / 3600, (unsigned)(left / 60 % 60),
            (unsigned)(left % 60));
    else
        add(line, "  %u:%02u left", (unsigned)(left / 60), (unsigned)(left % 60));
}

static void compose(struct line *line, const struct kf_tick *tick, double elapsed)
{
    const struct kf_totals *totals = tick->totals;
    uint64_t seen = kf_totals_seen(totals);
    char number[KF_NUMBER_SIZE];
    bool has_part = progress.inputs > tick->input;
    double part = has_part ? ((double)tick->input + tick->share) / (double)progress.inputs : 1.0;

    if (has_part && !progress.has_part_before) {
        progress.has_part_before = true;
        progress.part_before = part;
    }
    if (has_part && progress.is_terminal)
        add_bar(line, part);
    kf_number_text(seen, number);
    add(line, "%s key%s", number, seen == 1 ? "" : "s");
    kf_number_text((uint64_t)((double)(seen - progress.seen_before) / elapsed), number);
    add(line, "  %s/s", number);
    if (has_part)
        add_time_left(line, part, elapsed);
    for (int i = KF_ARCHIVED; i < KF_OUTCOME_COUNT; i++) {
        if (totals->by_outcome[i] == 0)
            continue;
        kf_number_text(totals->by_outcome[i], number);
        add(line, "  %s %s", kf_outcome_name((enum kf_outcome)i), number);
    }
}

static void hide(void)
{
    if (progress.is_drawn)
        (void)fputs("\r\033[K", stderr);
    progress.is_drawn = false;
}

static void show(const struct kf_tick *tick, double elapsed)
{
    struct line line = {.limit = LINE_MAX_SIZE - 1};

    if (progress.is_terminal) {
        size_t width = kf_terminal_width(STDERR_FILENO);

        line.limit = width - 1 < line.limit ? width - 1 : line.limit;
    }
    compose(&line, tick, elapsed);
    if (progress.is_terminal)
        (void)fprintf(stderr, "\r%s\033[K", line.text);
    else
        (void)fprintf(stderr, "keyferry: %s\n", line.text);
    (void)fflush(stderr);
    progress.is_drawn = progress.is_terminal;
    progress.shown = elapsed;
}

void kf_progress_tick(const struct kf_tick *tick)
{
    (void)pthread_mutex_lock(&lock);
    if (progress.is_on && !progress.is_paused) {
        double elapsed = seconds_since_begun();
        double after = progress.is_terminal ? REDRAW_AFTER : LINE_AFTER;

        if (elapsed >= progress.shown + after && elapsed >= FIRST_AFTER)
            show(tick, elapsed);
    }
    (void)pthread_mutex_unlock(&lock);
}

void kf_progress_hide(void)
{
    (void)pthread_mutex_lock(&lock);
    hide();
    (void)pthread_mutex_unlock(&lock);
}

void kf_progress_pause(bool paused)
{
    (void)pthread_mutex_lock(&lock);
    hide();
    progress.is_paused = paused;
    (void)pthread_mutex_unlock(&lock);
}

void kf_progress_end(void)
{
    (void)pthread_mutex_lock(&lock);
    hide();
    progress.is_on = false;
    (void)pthread_mutex_unlock(&lock);
}
