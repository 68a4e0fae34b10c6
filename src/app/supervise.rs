//! Tasks with a name whose end is never silent.

use std::future::Future;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Runs a task that is to last; a panic in it is logged under its name.
pub(super) fn spawn(
    runtime: &Handle,
    name: &'static str,
    task: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    let running = runtime.spawn(task);
    runtime.spawn(async move {
        if let Err(error) = running.await
            && error.is_panic()
        {
            tracing::error!(task = name, "a task of the daemon has failed: {error}");
        }
    })
}
