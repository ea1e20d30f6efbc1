# The published Python SDK, unchanged, against the emulated Server API.
#
# usage: python python_sdk.py ADDRESS SECRET_KEY EVENT_ID RULESET_ID VISITOR_ID
import json
import sys

from fingerprint_server_sdk import ApiException, Configuration, EventUpdate, FingerprintApi
from pydantic import BaseModel

address, key, event_id, ruleset_id, visitor_id = sys.argv[1:]


def client(key, **options):
    return FingerprintApi(Configuration(key, host=f"http://{address}/v4", **options))


def failure(call, *arguments):
    try:
        call(*arguments)
    except ApiException as error:
        return {"status": error.status, "code": json.loads(error.body)["error"]["code"]}


def fields(value, name, read, absent):
    """The fields that the SDK types, by dotted name: those that were read, and those that the event lacks."""
    for field in type(value).model_fields:
        found, path = getattr(value, field), f"{name}{field}"
        # What may be one or another thing is wrapped.
        found = getattr(found, "actual_instance", found)
        first = found[0] if isinstance(found, list) and found else found
        if isinstance(first, BaseModel):
            fields(first, f"{path}.", read, absent)
        elif found is None:
            absent.append(path)
        else:
            read.append(path)


api = client(key)
results = {"read": [], "absent": []}
event = api.get_event(event_id, ruleset_id=ruleset_id)
fields(event, "", results["read"], results["absent"])
results["decided"] = event.rule_action.actual_instance.type.value
api.update_event(event_id, EventUpdate(linked_id="order-1", suspect=True, tags={"plan": "gold"}))
changed = api.get_event(event_id)
results["changed"] = [changed.linked_id, changed.suspect, changed.tags]
found = api.search_events(visitor_id=visitor_id, incognito=True, limit=1)
results["found"] = [event.event_id for event in found.events]
rest = api.search_events(limit=1, pagination_key=found.pagination_key)
results["next"] = [event.event_id for event in rest.events]
results["unknown"] = failure(api.get_event, "1708102555327.NLOjmg")
results["stranger"] = failure(client("another").get_event, event_id)
api.delete_visitor_data(visitor_id)
results["deleted_twice"] = failure(api.delete_visitor_data, visitor_id)
# It waits as long as `Retry-After` says and asks again, unless it is told not to.
impatient = client(key, retries=0)
many = [failure(impatient.get_event, event_id) for _ in range(20)]
results["throttled"] = next(filter(None, many), None)
print(json.dumps(results))
