/* SPDX-License-Identifier: Apache-2.0
 *
 * grpc.health.v1: the server as a whole is healthy or not, and so is each of its services.
 */
#include "api/json.h"
#include "grpc/health/v1/health.pb-c.h"
#include "server/grpc_rpc.h"

static bool service_exists(const char *name)
{
	if (!*name || strcmp(name, "grpc.health.v1.Health") == 0)
		return true;
	for (size_t i = 0; i < API_METHODS_COUNT; i++)
		if (strcmp(api_methods[i].service, name) == 0)
			return true;
	return false;
}

static int health_now(const struct grpc_rpc *rpc, const ProtobufCMessage *request)
{
	if (!service_exists(((const Grpc__Health__V1__HealthCheckRequest *)request)->service))
		return GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN;
	if (!atomic_load(&rpc->front->serving) || atomic_load(&rpc->front->draining))
		return GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
	return GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
}

static ProtobufCMessage *health_reply(struct arena *a, int status)
{
	Grpc__Health__V1__HealthCheckResponse *reply =
		(Grpc__Health__V1__HealthCheckResponse *)api_message_new(
			a, &grpc__health__v1__health_check_response__descriptor);
	reply->status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
	return &reply->base;
}

enum status grpc_health_check(struct grpc_rpc *rpc, struct ctx *cx, const ProtobufCMessage *request,
			      ProtobufCMessage **out)
{
	int status = health_now(rpc, request);
	if (status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN)
		return fail(cx, ST_NOT_FOUND, "there is no such service");
	*out = health_reply(cx->arena, status);
	return ST_OK;
}

enum status grpc_health_next(struct grpc_rpc *rpc, struct ctx *cx, ProtobufCMessage **out)
{
	int status = health_now(rpc, rpc->api.request);
	if (status == rpc->health_sent)
		return ST_BUSY;
	rpc->health_sent = status;
	*out = health_reply(cx->arena, status);
	return ST_OK;
}
