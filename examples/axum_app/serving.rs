//! From the first request to the last one.

use std::io;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// So long requests may go on when the service is told to stop.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// Serves until the process is told to stop, and the requests under way are answered.
pub(crate) async fn serve(listener: TcpListener, application: Router) -> io::Result<()> {
    let (stopping, stopped) = oneshot::channel();
    let server = axum::serve(listener, application).with_graceful_shutdown(async {
        told_to_stop().await;
        let _ = stopping.send(());
    });
    let patience = async {
        let _ = stopped.await;
        tokio::time::sleep(LAST_REQUESTS).await;
    };
    tokio::select! {
        ended = server => ended,
        // A client that never reads its answer keeps nothing from being written.
        () = patience => {
            eprintln!("some requests were given up");
            Ok(())
        }
    }
}

/// Ends with Ctrl-C, or when the system asks (SIGTERM).
async fn told_to_stop() {
    #[cfg(unix)]
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => terminated.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<Option<()>>();
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}
