"""Checks a message with the unmodified packages `standardwebhooks` and `openai` of PyPI.

Reads {"secret", "headers", "body"} from standard input; prints the type of the event.
"""

import json
import sys

import openai
import standardwebhooks

message = json.load(sys.stdin)
secret, headers, body = message["secret"], message["headers"], message["body"]

verified = standardwebhooks.Webhook(secret).verify(body, headers)
client = openai.OpenAI(api_key="none", webhook_secret=secret)
client.webhooks.verify_signature(body, headers)
event = client.webhooks.unwrap(body, headers)
assert event.type == verified["type"], (event, verified)

for wrong_body, wrong_headers in [
    (body.replace('"', "'", 1), headers),
    (body, {**headers, "webhook-id": "msg_other"}),
    (body, {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)}),
    (body, {**headers, "webhook-timestamp": "1"}),
]:
    for check in [standardwebhooks.Webhook(secret).verify, client.webhooks.verify_signature]:
        try:
            check(wrong_body, wrong_headers)
        except Exception as error:
            assert type(error).__name__ in ("WebhookVerificationError", "InvalidWebhookSignatureError"), repr(error)
        else:
            raise AssertionError("a forged message was taken")
print(event.type)
