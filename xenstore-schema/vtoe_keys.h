/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vtoe_keys.h - names of the XenStore nodes of a vTOE device, and the default
 * limits that stand behind them. README.md beside this file says what each
 * means (section 3).
 */
#ifndef VTOE_KEYS_H
#define VTOE_KEYS_H

#define VTOE_CLASS "vtoe"

/* Written by the toolstack (vtoed) in the backend's directory. */
#define VTOE_KEY_ENTRY "entry" /* the guest's vtoe entry, verbatim */
#define VTOE_KEY_ERROR "error" /* why the device does not work */

/* Written by the backend before InitWait. */
#define VTOE_KEY_VERSIONS     "versions" /* space-separated list: "2" */
#define VTOE_KEY_MAX_QUEUES   "max-queues"
#define VTOE_KEY_MAX_ENTRIES  "max-entries"
#define VTOE_KEY_MAX_SLOTS    "max-slots"
#define VTOE_KEY_MAX_TX_PAGES "max-tx-pages"
#define VTOE_KEY_MAX_RX_PAGES "max-rx-pages"
#define VTOE_KEY_FEATURE_TCP  "feature-tcp"
#define VTOE_KEY_FEATURE_UDP  "feature-udp"
#define VTOE_KEY_FEATURE_IPV6 "feature-ipv6"
#define VTOE_KEY_DEFAULT      "default" /* "offload" or "native" */
#define VTOE_KEY_RULES	      "rules"	/* of the selection switch */

/* Written by the frontend before Initialised. */
#define VTOE_KEY_VERSION "version"
#define VTOE_KEY_LAYOUT	 "layout-ref"	   /* grant of the layout page */
#define VTOE_KEY_EVTCHN	 "event-channel-0" /* port of queue 0 */

/* Records (backend's directory). */
#define VTOE_KEY_LINK	   "link" /* the guest's shares of TOEs, by number */
#define VTOE_KEY_FROM	   "from" /* of one: whose range its address is of */
#define VTOE_KEY_FROM6	   "from6" /* and its IPv6 address */
#define VTOE_KEY_LEASE	   "lease" /* of one: how it is with its address */
#define VTOE_KEY_CONTEXT   "context" /* of all devices; beside the TOEs' */
#define VTOE_KEY_REQUESTED "requested"
#define VTOE_KEY_RESOLVED  "resolved"
#define VTOE_KEY_STATE	   "state"
#define VTOE_KEY_REMAPS	   "remaps"

#endif /* VTOE_KEYS_H */
