/*
 * The one list of destinations: see destinations.h for the contract.
 */
#include "writers/destinations.h"

#include <string.h>

#include "writers/epf.h"
#include "writers/kms.h"
#include "writers/pfx.h"
#include "writers/rec.h"

static const struct kf_writer_ops *const destinations[] = {
    &kf_writer_pfx, &kf_writer_kms, &kf_writer_rec, &kf_writer_epf, NULL,
};

const struct kf_writer_ops *const *kf_destinations(void)
{
    return destinations;
}

const struct kf_writer_ops *kf_destination_find(const char *name)
{
    for (size_t i = 0; destinations[i] != NULL; i++) {
        if (strcmp(destinations[i]->name, name) == 0)
            return destinations[i];
    }
    return NULL;
}
