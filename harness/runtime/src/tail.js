// A tail worker: what an invocation came to goes to the socket where edgeproof reads it.
export default {
  tail: (events, { SINK, WORKER }) =>
    SINK.fetch(`http://tail/${WORKER}`, { method: "POST", body: JSON.stringify(events) }),
};
