/*
 * The times of certificates: UTCTime and GeneralizedTime (RFC 5280 4.1.2.5), and the forms that
 * X.208 allowed and old CAs wrote: without seconds, with an offset, with a fraction, without a zone
 * (taken as UTC). Impossible dates are refused.
 */
#include "crypto/cert_parts.h"

#define MINUTE_SECONDS INT64_C(60)
#define HOUR_SECONDS   INT64_C(3600)
#define DAY_SECONDS    INT64_C(86400)

/* Two digits, at most max. */
static bool two_digits(struct kf_slice *text, int max, int *out)
{
    int value;

    if (text->len < 2 || text->data[0] < '0' || text->data[0] > '9' || text->data[1] < '0' ||
        text->data[1] > '9')
        return false;
    value = (text->data[0] - '0') * 10 + (text->data[1] - '0');
    if (value > max)
        return false;
    *out = value;
    text->data += 2;
    text->len -= 2;
    return true;
}

static bool starts_with(const struct kf_slice *text, const char *any)
{
    for (; *any != '\0' && text->len != 0; any++) {
        if (text->data[0] == (uint8_t)*any)
            return true;
    }
    return false;
}

static void skip_fraction(struct kf_slice *text)
{
    if (!starts_with(text, ".,"))
        return;
    do {
        text->data++;
        text->len--;
    } while (starts_with(text, "0123456789"));
}

/* Nothing, "Z", "+hhmm" or "-hhmm", and then the end; seconds east of UTC. */
static bool read_zone(struct kf_slice text, int64_t *offset)
{
    int sign;
    int hours = 0;
    int minutes = 0;

    *offset = 0;
    if (text.len == 0)
        return true;
    if (text.data[0] == 'Z')
        return text.len == 1;
    if (!starts_with(&text, "+-"))
        return false;
    sign = text.data[0] == '-' ? -1 : 1;
    text.data++;
    text.len--;
    if (!two_digits(&text, 14, &hours) || !two_digits(&text, 59, &minutes))
        return false;
    *offset = sign * (hours * HOUR_SECONDS + minutes * MINUTE_SECONDS);
    return text.len == 0;
}

static bool read_year(uint8_t tag, struct kf_slice *text, int *year)
{
    int high = 0;
    int low = 0;

    if (tag == KF_DER_UTC_TIME) {
        if (!two_digits(text, 99, &low))
            return false;
        *year = low < 50 ? 2000 + low : 1900 + low;
        return true;
    }
    if (tag != KF_DER_GENERALIZED_TIME || !two_digits(text, 99, &high) ||
        !two_digits(text, 99, &low))
        return false;
    *year = high * 100 + low;
    return true;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01 in the Gregorian calendar; false where there is no such day. */
static bool day_number(int year, int month, int day, int64_t *out)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    int64_t years = year - 1; /* whole ones since the year 1 */
    int length;

    if (month < 1 || day < 1)
        return false;
    length = before[month] - before[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
    if (day > length)
        return false;
    *out = years * 365 + years / 4 - years / 100 + years / 400 - 719162 + before[month - 1] +
           (month > 2 && is_leap(year) ? 1 : 0) + day - 1;
    return true;
}

bool kf_cert_time(const struct kf_tlv *time, int64_t *seconds)
{
    struct kf_slice text = time->value;
    int year = 0;
    int month = 0;
    int day = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
    int64_t days = 0;
    int64_t offset = 0;

    if (!read_year(time->tag, &text, &year) || !two_digits(&text, 12, &month) ||
        !two_digits(&text, 31, &day) || !two_digits(&text, 23, &hour))
        return false;
    if (starts_with(&text, "0123456789") && !two_digits(&text, 59, &minute))
        return false;
    if (starts_with(&text, "0123456789") && !two_digits(&text, 60, &second))
        return false;
    skip_fraction(&text);
    if (!day_number(year, month, day, &days) || !read_zone(text, &offset))
        return false;
    *seconds = days * DAY_SECONDS + hour * HOUR_SECONDS + minute * MINUTE_SECONDS + second - offset;
    return true;
}
