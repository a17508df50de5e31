/*
 * Walks side by side: see epf_parallel.h. A search with a high count has seconds of digests to do,
 * and each walk is independent of the others.
 */
#include "readers/epf_parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define MAX_HELPERS 3
#define WORTH_IT    UINT64_C(20000000) /* nanoseconds: well above what a thread costs */

struct work {
    struct kf_epf_walk *const *walks;
    size_t count;
    uint64_t to;
    atomic_size_t next;
};

struct helper {
    struct work *work;
    pthread_t thread;
    enum kf_status status;
    struct kf_error error;
};

static enum kf_status do_work(struct work *work, struct kf_error *error)
{
    for (;;) {
        size_t index = atomic_fetch_add(&work->next, 1);

        if (index >= work->count)
            return KF_OK;
        if (kf_epf_walk_to(work->walks[index], work->to, error) != KF_OK)
            return KF_FATAL;
    }
}

static void *help(void *context)
{
    struct helper *helper = context;

    helper->status = do_work(helper->work, &helper->error);
    return NULL;
}

/* Helpers to start, beside the thread that asks */
static size_t helpers_for(size_t count, uint64_t cost)
{
    long processors = cost >= WORTH_IT ? sysconf(_SC_NPROCESSORS_ONLN) : 1;
    size_t helpers = processors > 1 ? (size_t)processors - 1 : 0;

    if (helpers > MAX_HELPERS)
        helpers = MAX_HELPERS;
    return helpers < count ? helpers : count;
}

enum kf_status kf_epf_walk_all(struct kf_epf_walk *const *walks, size_t count, uint64_t to,
                               uint64_t cost, struct kf_error *error)
{
    struct work work = {.walks = walks, .count = count, .to = to};
    struct helper helpers[MAX_HELPERS];
    size_t want = helpers_for(count, cost);
    size_t started = 0;
    enum kf_status status;

    while (started < want) {
        helpers[started] = (struct helper){.work = &work, .status = KF_OK};
        /* without it the others do its share */
        if (pthread_create(&helpers[started].thread, NULL, help, &helpers[started]) != 0)
            break;
        started++;
    }
    status = do_work(&work, error);
    for (size_t i = 0; i < started; i++) {
        (void)pthread_join(helpers[i].thread, NULL);
        if (helpers[i].status == KF_OK)
            continue;
        if (status == KF_OK && error != NULL)
            *error = helpers[i].error;
        status = helpers[i].status;
    }
    return status;
}
