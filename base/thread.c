/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "base/thread.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct thread {
	pthread_t id;
	char name[16];
	void (*run)(void *arg);
	void *arg;
};

static void *thread_main(void *arg)
{
	struct thread *t = arg;
	pthread_setname_np(pthread_self(), t->name);
	t->run(t->arg);
	return NULL;
}

struct thread *thread_start(const char *name, void (*run)(void *arg), void *arg)
{
	struct thread *t = calloc(1, sizeof *t);
	assert(t);
	snprintf(t->name, sizeof t->name, "%s", name);
	t->run = run;
	t->arg = arg;
	if (pthread_create(&t->id, NULL, thread_main, t) != 0) {
		fprintf(stderr, "thread %s: the system starts no more threads\n", name);
		abort();
	}
	return t;
}

void thread_join(struct thread *t)
{
	if (!t)
		return;
	pthread_join(t->id, NULL);
	free(t);
}

void thread_block_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}
