/* SPDX-License-Identifier: Apache-2.0
 *
 * The .proto files this program was built from, with their comments: compiled into the binary,
 * read once at start, never changed. Reflection answers from it; openapi.json takes its
 * descriptions from it. Names are fully qualified: "ferry.v1.Message", "ferry.v1.Message.guid",
 * "ferry.v1.MessageService.GetMessage".
 */
#ifndef FERRY_API_PROTOSET_H
#define FERRY_API_PROTOSET_H

#include "base/bytes.h"

struct protoset;

enum { PROTOSET_FILES_MAX = 64 };

/* Never fails: what is compiled in is right, or it asserts. */
struct protoset *protoset_create(void);
/* NULL is fine. */
void protoset_destroy(struct protoset *set);

/* The file a name is declared in; NULL when there is no such name. */
const char *protoset_file_of(const struct protoset *set, const char *name);
/* A file, "ferry/v1/types.proto", and all it imports, itself first: FileDescriptorProto bytes,
 * borrowed from the set. Returns: how many; 0 when there is no such file. */
size_t protoset_files(const struct protoset *set, const char *file,
		      struct bytes out[PROTOSET_FILES_MAX]);
/* What the .proto file says above a declaration, as one line; "" when nothing. */
const char *protoset_comment(const struct protoset *set, const char *name);

#endif
