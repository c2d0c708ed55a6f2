/* SPDX-License-Identifier: Apache-2.0
 *
 * The program's version, in one place.
 */
#ifndef FERRY_SERVER_VERSION_H
#define FERRY_SERVER_VERSION_H

#define FERRY_VERSION "0.1.0"

#endif
