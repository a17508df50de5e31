/*
 * The parts of the report page, private to its files.
 */
#ifndef KF_CLI_REPORT_PAGE_H
#define KF_CLI_REPORT_PAGE_H

#include "cli/html.h"
#include "cli/report.h"
#include "cli/svg.h"

/* The parts of a bar by outcome, and how many there are. */
#define KF_BAR_PARTS (KF_OUTCOME_COUNT - 1)
void kf_page_parts(const uint64_t by_outcome[KF_OUTCOME_COUNT],
                   struct kf_svg_part parts[KF_BAR_PARTS]);

/* "Archived", "Refused"; what was archived, convert has written. */
const char *kf_page_outcome(const struct kf_report_run *run, enum kf_outcome outcome);
bool kf_page_converts(const struct kf_report_run *run);

/* A cell with a number, grouped. */
void kf_page_number(struct kf_out *out, uint64_t number);
/* "2026-11-22 00:54:09 UTC" in a time element; a dash for 0. */
void kf_page_time(struct kf_out *out, int64_t seconds);
void kf_page_date(struct kf_out *out, int64_t seconds);

/* report_charts.c: where keys come from, what they are, when they expire, who can open them. */
void kf_page_charts(struct kf_out *out, const struct kf_report_whole *whole);

/* report_lists.c: refused, failed and skipped keys one by one; the inputs that
 * have certificates without keys; and the run with its inputs. */
void kf_page_groups(struct kf_out *out, const struct kf_report_whole *whole);
void kf_page_certificates(struct kf_out *out, const struct kf_report_whole *whole);
void kf_page_run(struct kf_out *out, const struct kf_report_whole *whole);

#endif
