"""A receiver of GitLab's webhooks as a small Python service has it: the signature is checked, the event goes to a list in Redis, and 200 is answered once
Redis has fsynced it (`appendfsync always`)."""

import base64
import hmac
import os

import orjson
import redis.asyncio as redis
from fastapi import FastAPI, Request, Response

KEY = base64.b64decode(os.environ["SIGNING_TOKEN"].removeprefix("whsec_"))
store = redis.Redis(port=int(os.environ["REDIS_PORT"]))
app = FastAPI(openapi_url=None)


@app.get("/healthz")
async def healthz():
    return Response("ok")


@app.post("/api/v1/webhooks/gitlab")
async def deliver(request: Request):
    body = await request.body()
    headers = request.headers
    delivery = headers["webhook-id"]
    signed = b".".join((delivery.encode(), headers["webhook-timestamp"].encode(), body))
    expected = "v1," + base64.b64encode(hmac.digest(KEY, signed, "sha256")).decode()
    if not hmac.compare_digest(expected, headers["webhook-signature"]):
        return Response(status_code=401)
    event = orjson.loads(body)
    record = {"id": delivery, "kind": event["object_kind"], "project_id": event["project"]["id"], "payload": event}
    await store.rpush("deliveries", orjson.dumps(record))
    return Response(orjson.dumps({"id": delivery, "status": "accepted"}), media_type="application/json")
