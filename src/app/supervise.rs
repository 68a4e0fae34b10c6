//! Tasks with a name whose end is never silent.

use std::future::Future;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// Runs a task that is to last; a panic in it is logged under its name.
pub(super) fn spawn(
    runtime: &Handle,
    name: &'static str,
    task: impl Future<Output = ()> + Send + 'static,
) -> AbortHandle {
    let running = runtime.spawn(task);
    let handle = running.abort_handle();
    runtime.spawn(async move {
        if let Err(error) = running.await
            && error.is_panic()
        {
            tracing::error!(task = name, "a task of the daemon has failed: {error}");
        }
    });
    handle
}
