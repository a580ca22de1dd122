/* SPDX-License-Identifier: GPL-2.0 */
/*
 * get.h - members of vtoed's answers; one that is absent or null has a default.
 */
#ifndef TOOLS_GET_H
#define TOOLS_GET_H

#include <jansson.h>
#include <stdint.h>

/* A member that is a string, or @absent. */
static inline const char *get_text_or(const json_t *object, const char *key,
				      const char *absent)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && *text ? text : absent;
}

static inline const char *get_text(const json_t *object, const char *key)
{
	return get_text_or(object, key, "-");
}

static inline long long get_int(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static inline uint64_t get_count(const json_t *object, const char *key)
{
	return (uint64_t)get_int(object, key);
}

static inline double get_number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

#endif /* TOOLS_GET_H */
