//! Mockups served as Redfish services.

use super::{Arguments, Exit, address};
use crate::simulator::redfish::{Mockup, ServiceHandle, ServiceSpec, identity};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// USER:PASSWORD.
pub(super) fn user(text: &str) -> Result<(String, String), &'static str> {
    let (user, password) = text.split_once(':').ok_or("a user is written USER:PASSWORD")?;
    Ok((user.to_owned(), password.to_owned()))
}

/// What is to be served, and what it is called.
pub(super) fn specs(arguments: &Arguments, folders: &[&PathBuf]) -> Result<Vec<(String, ServiceSpec)>, Exit> {
    let mut specs = Vec::new();
    let tls = arguments.redfish_tls.as_deref().map(identity).transpose().map_err(|error| {
        eprintln!("rackwarden: --redfish-tls: {error}");
        Exit::Usage
    })?;
    for folder in folders {
        let mockup = Mockup::read(folder).map_err(|error| {
            eprintln!("rackwarden: {} is no Redfish mockup: {error}", folder.display());
            Exit::Failed
        })?;
        let spec = ServiceSpec {
            mockup,
            user: arguments.redfish_user.clone(),
            faults: arguments.redfish_fault.clone(),
            events: arguments.redfish_events.is_some(),
            expand: !arguments.redfish_plain,
            tls: tls.clone(),
        };
        let title = format!("{} ({} resources)", folder.display(), spec.mockup.len());
        specs.extend((0..arguments.count).map(|_| (title.clone(), spec.clone())));
    }
    Ok(specs)
}

/// Serves them until told to stop, where there are no agents.
pub(super) fn serve_alone(arguments: &Arguments, specs: Vec<(String, ServiceSpec)>) -> Result<Exit, Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        eprintln!("rackwarden: cannot start a runtime: {error}");
        Exit::Failed
    })?;
    runtime.block_on(async {
        let services = start(arguments, specs, 0).await?;
        println!("serving; stop with Ctrl-C");
        tokio::select! {
            () = crate::cli::until_stopped(arguments.seconds.map(Duration::from_secs)) => (),
            () = send_events(arguments, &services) => (),
        }
        report(&services);
        Ok(Exit::Ok)
    })
}

/// Serves them at the ports behind those of the agents.
pub(super) async fn start(
    arguments: &Arguments,
    specs: Vec<(String, ServiceSpec)>,
    agents: usize,
) -> Result<Vec<ServiceHandle>, Exit> {
    let mut services = Vec::new();
    for (number, (title, spec)) in specs.into_iter().enumerate() {
        let at: SocketAddr = address(arguments.listen, agents + number)?;
        let service = ServiceHandle::start(spec, at).await.map_err(|error| {
            eprintln!("rackwarden: no service at {at}: {error}");
            Exit::Failed
        })?;
        if number < SHOWN {
            println!("{}  {title}", service.url());
        }
        services.push(service);
    }
    if SHOWN < services.len() {
        println!("... and {} more services", services.len() - SHOWN);
    }
    Ok(services)
}

/// Has each send an event every so often; never ends.
pub(super) async fn send_events(arguments: &Arguments, services: &[ServiceHandle]) {
    let Some(seconds) = arguments.redfish_events else { return std::future::pending().await };
    loop {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let heard = services.iter().filter(|it| it.send_event()).count();
        println!("an event was heard by {heard} listeners");
    }
}

/// What was asked, in the end.
pub(super) fn report(services: &[ServiceHandle]) {
    if services.is_empty() {
        return;
    }
    let counts: Vec<_> = services.iter().map(ServiceHandle::counts).collect();
    let sum = |of: &dyn Fn(&crate::simulator::redfish::ServiceCounts) -> usize| {
        counts.iter().map(of).sum::<usize>()
    };
    println!(
        "{} requests to Redfish services, {} logins, {} logouts, {} sessions left, at most {} requests at a time",
        sum(&|it| it.requests),
        sum(&|it| it.logins),
        sum(&|it| it.logouts),
        services.iter().map(ServiceHandle::open_sessions).sum::<usize>(),
        counts.iter().map(|it| it.in_flight_most).max().unwrap_or(0),
    );
}

/// Addresses that are printed.
const SHOWN: usize = 20;
