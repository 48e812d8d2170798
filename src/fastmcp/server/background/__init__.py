"""Background tasks: tool calls that go on after their answer (`io.modelcontextprotocol/tasks`).

A task is a request that is served without its response. The same engine serves the same call, with
an exchange that has no client at its other end (`task.TaskExchange`): what the handler asks waits
in the task until its client comes by with the answer, and what the engine would have answered is
kept instead of sent. So a task ends with exactly what the request would have been answered with.

Whoever runs a task holds it (`local`): its state is where its coroutine is. Its id begins with the
name of the worker that runs it, as the ids of questions do, and a worker that is asked for a task
of another asks that one (`elsewhere`): nothing is copied, and nothing can differ. The task ends
with its worker. Tasks that shall outlive it are queued and kept in Redis instead (`docket`).
"""
