/*
 * What a group of keys that were not archived is called, and what people can do about it.
 */
#include "cli/report_facts.h"

static struct kf_advice by_policy(const struct kf_group *group)
{
    if (group->outcome == KF_SKIPPED)
        return (struct kf_advice){
            "Signing keys, which are not archived",
            "Nothing needs to be done. Copies of a signing key put in doubt what its signatures "
            "prove; where it is wanted all the same, run `keyferry setreg KRAFlags "
            "+KRAF_ENABLEARCHIVEALL` and import again."};
    if (group->outcome == KF_ARCHIVED)
        return (struct kf_advice){
            "Archived, although the key is not its certificate’s",
            "`KRAF_SAVEBADREQUESTKEY` is set, so these keys were kept. Find the certificate that "
            "each belongs to, and import the pair."};
    if (group->code == KF_E_ISSUERCHAINING)
        return (struct kf_advice){
            "Issued by another CA",
            "If keys of other CAs belong into this archive, both the archive and the run have to "
            "allow it: `keyferry setreg KRAFlags +KRAF_ENABLEFOREIGN`, then import again with "
            "`--foreign`. What is archived already is not archived twice."};
    return (struct kf_advice){"Not taken by the destination",
                              "See what was found with each key. A file that exists already is "
                              "written over with `-f`."};
}

static struct kf_advice by_data(const struct kf_group *group)
{
    if (group->code == KF_E_INVALIDARG)
        return (struct kf_advice){
            "The key does not belong to its certificate",
            "Look for the right certificate at the source, and import the pair. To keep such keys "
            "with the wrong one, run `keyferry setreg KRAFlags +KRAF_SAVEBADREQUESTKEY`."};
    return (struct kf_advice){"Damaged, incomplete, or not what its format says",
                              "`keyferry inspect` shows how far it can be read. Get a fresh copy "
                              "from where it came from, "
                              "and run it again."};
}

struct kf_advice kf_group_advice(const struct kf_group *group)
{
    if (group->is_rest)
        return (struct kf_advice){"Other causes", "See what is told of each key."};
    if (group->is_roca)
        return (struct kf_advice){
            "Anybody can compute the key: ROCA, CVE-2017-15361",
            "Replace the certificate where it is still in use, and take what was encrypted to it "
            "as "
            "read by others. The key is kept all the same, since its owner may need it."};
    if (group->is_held_back)
        return (struct kf_advice){
            "Held back, since another key of the same user failed",
            "A user’s keys are archived together or not at all. What is wrong with the other key "
            "is told with each of these; once that is mended or left out, all of them go in."};
    switch (group->cause) {
    case KF_CAUSE_POLICY:
        return by_policy(group);
    case KF_CAUSE_DATA:
        return by_data(group);
    case KF_CAUSE_SECRET:
        return (struct kf_advice){
            "Wrong password or key, or none given",
            "Give the right one and run it again: several passwords with `--password` or a file of "
            "them with `--passwords`, one for each file with `--manifest`, the key of an export "
            "with `--key`. What is archived already is not archived twice."};
    case KF_CAUSE_LIMIT:
        return (struct kf_advice){
            "Larger than a limit",
            "Limits keep damaged or hostile files from taking the machine. If the file is genuine, "
            "export it again in smaller parts, or with fewer iterations."};
    case KF_CAUSE_UNSUPPORTED:
        return (struct kf_advice){"Not something that keyferry reads",
                                  "Export it again in another form, such as a .pfx file with a "
                                  "password. `keyferry formats` lists what is read."};
    case KF_CAUSE_SYSTEM:
        return (struct kf_advice){"Could not be read from disk",
                                  "Check the path, the permissions and the disk, and run it "
                                  "again."};
    case KF_CAUSE_CONFIG:
        return (struct kf_advice){"The archive’s settings do not allow it",
                                  "See `keyferry getreg`, and run it again."};
    case KF_CAUSE_USAGE:
        return (struct kf_advice){"Not an input as it was given",
                                  "Folders are read with `-r`. See `keyferry help import`."};
    case KF_CAUSE_MEMORY:
        return (struct kf_advice){"Out of memory",
                                  "Run it again with more memory, or with `-j 1`."};
    case KF_CAUSE_INTERNAL:
        return (struct kf_advice){"A defect of keyferry",
                                  "Please report it, with what is told of the key."};
    case KF_CAUSE_NONE:
        break;
    }
    if (group->outcome == KF_ARCHIVED)
        return by_policy(group);
    return (struct kf_advice){"No cause was noted", "`keyferry inspect` may show why."};
}
