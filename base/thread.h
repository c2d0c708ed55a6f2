/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads with names. Signals stay blocked in all but main.
 */
#ifndef FERRY_BASE_THREAD_H
#define FERRY_BASE_THREAD_H

struct thread;

/* Starts run(arg). name: at most 15 characters, seen in top and gdb. A system without threads aborts. */
struct thread *thread_start(const char *name, void (*run)(void *arg), void *arg);
/* Waits for its end and frees it. NULL is fine. */
void thread_join(struct thread *t);
/* Blocks all signals that this process handles in main. Called once before any thread starts. */
void thread_block_signals(void);

#endif
