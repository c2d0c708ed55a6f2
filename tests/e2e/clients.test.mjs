// SPDX-License-Identifier: Apache-2.0
// Clients that others wrote against an instance of its own: @grpc/grpc-js (grpc.mjs) and
// @connectrpc/connect (connect.mjs).
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startInstance } from '../../docker/lib/harness.mjs';

const folder = fileURLToPath(new URL('.', import.meta.url));
const ferryd = process.env.FERRYD ?? path.join(folder, '../../build', process.env.SAN || 'none', 'ferryd');
const instance = await startInstance({ ferryd });
let failed = 0;
try {
	for (const file of ['grpc.mjs', 'connect.mjs']) {
		const { status } = spawnSync(process.execPath, ['--test', path.join(folder, file)], {
			stdio: 'inherit', timeout: 300000, env: { ...process.env, FERRY_DEV_JSON: path.join(instance.folder, 'dev.json') },
		});
		if (status !== 0) failed++;
	}
	if (failed) console.log(`--- serve\n${instance.logTail('serve', 30)}`);
} finally {
	await instance.stop();
}
process.exit(failed ? 1 : 0);
