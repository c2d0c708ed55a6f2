// SPDX-License-Identifier: Apache-2.0
// Log files: a child writes straight into its file, so nothing is lost when the supervisor dies; size is bounded.
import {
	closeSync, copyFileSync, existsSync, ftruncateSync, fstatSync, mkdirSync, openSync, readSync, readdirSync, renameSync,
} from 'node:fs';
import path from 'node:path';

const TAIL_BYTES = 16384;

/** An open log for a child: appends, so that the file may be cut under it. The caller closes it after the start. */
export function openLog(folder, name) {
	mkdirSync(folder, { recursive: true });
	return openSync(path.join(folder, `${name}.log`), 'a', 0o600);
}

const logNames = (folder) => (existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.log')) : []);

/** Puts the logs of the last run aside as NAME.log.1; not that of `kept`, which is being written already. */
export function rotateLogs(folder, kept) {
	for (const name of logNames(folder).filter((n) => n !== `${kept}.log`))
		renameSync(path.join(folder, name), path.join(folder, `${name}.1`));
}

/**
 * Cuts every log above the limit: its content moves to NAME.log.1, the file goes on empty. What a child writes between
 * the copy and the cut is lost: some lines once in many megabytes, for a file that can be written without us.
 */
export function boundLogs(folder, limitMb) {
	for (const name of logNames(folder)) {
		const file = path.join(folder, name);
		const fd = openSync(file, 'r+');
		try {
			if (fstatSync(fd).size <= limitMb * 1048576) continue;
			copyFileSync(file, `${file}.1`);
			ftruncateSync(fd, 0);
		} finally {
			closeSync(fd);
		}
	}
}

/** The last lines of a file; empty when there is none. */
export function tail(file, lines = 15) {
	if (!file || !existsSync(file)) return [];
	const fd = openSync(file, 'r');
	try {
		const { size } = fstatSync(fd);
		const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
		readSync(fd, buffer, 0, buffer.length, size - buffer.length);
		return buffer.toString('utf8').split('\n').filter((line) => line.trim()).slice(-lines);
	} finally {
		closeSync(fd);
	}
}
