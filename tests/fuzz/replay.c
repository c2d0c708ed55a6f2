/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target over files and folders of files: the regression test of what was ever found.
 */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

enum { REPLAY_BYTES_MAX = 4 * 1024 * 1024, REPLAY_PATH_MAX = 4096 };

static unsigned long replayed;

static void replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f) {
		perror(path);
		exit(1);
	}
	uint8_t *buffer = malloc(REPLAY_BYTES_MAX);
	fuzz_check(buffer != NULL);
	size_t n = fread(buffer, 1, REPLAY_BYTES_MAX, f);
	fclose(f);
	uint8_t *exact = malloc(n ? n : 1); /* so that a sanitizer sees one byte too many */
	fuzz_check(exact != NULL);
	memcpy(exact, buffer, n);
	free(buffer);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	replayed++;
}

static void replay_folder(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort);
	if (n < 0) {
		perror(path);
		exit(1);
	}
	for (int i = 0; i < n; i++) {
		char file[REPLAY_PATH_MAX];
		int length = snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
		fuzz_check(length > 0 && (size_t)length < sizeof file);
		if (entries[i]->d_name[0] != '.')
			replay_file(file);
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct stat st;
		if (stat(argv[i], &st) != 0) {
			perror(argv[i]);
			return 1;
		}
		if (S_ISDIR(st.st_mode))
			replay_folder(argv[i]);
		else
			replay_file(argv[i]);
	}
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	printf("%s: %lu inputs replayed\n", argv[0], replayed);
	return replayed > 0 ? 0 : 1;
}
