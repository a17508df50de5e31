/*
 * The style and the script of the report page: cli/report.css and cli/report.js, which CMake makes
 * into C.
 */
#ifndef KF_CLI_REPORT_ASSETS_H
#define KF_CLI_REPORT_ASSETS_H

#include <stddef.h>

extern const unsigned char kf_report_css[];
extern const size_t kf_report_css_len;
extern const unsigned char kf_report_js[];
extern const size_t kf_report_js_len;

#endif
