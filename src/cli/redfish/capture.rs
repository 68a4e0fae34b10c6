//! `capture TARGET DIR`: what a service has, as a tree of documents that `simulate` serves again.
//!
//! What tells one device, place or person from another is masked: serial numbers, UUIDs, addresses, host names, asset
//! tags, service tags. The same text is always masked by the same one, so that links between documents
//! hold. Names and labels stay: look at them before you hand the tree on.

use super::{Exit, ServiceArguments, runtime, service};
use crate::cli::target::TargetArguments;
use crate::model::SystemClock;
use crate::redfish::client::{Client, Pool};
use crate::redfish::learn::{Learner, Refusal};
use crate::redfish::mask::Mask;
use crate::redfish::tree::Tree;
use crate::redfish::uri::ResourceUri;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Arguments of `capture`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CaptureArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Where to: a folder that does not exist yet, or is empty
    folder: PathBuf,
    #[command(flatten)]
    service: ServiceArguments,
}

/// Captures.
pub(in crate::cli) fn run(arguments: &CaptureArguments) -> Exit {
    match capture(arguments) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}

fn capture(arguments: &CaptureArguments) -> Result<(), Exit> {
    let folder = &arguments.folder;
    if std::fs::read_dir(folder).is_ok_and(|mut it| it.next().is_some()) {
        eprintln!("rackwarden: {} is not empty: name a new folder", folder.display());
        return Err(Exit::Usage);
    }
    let Some(settings) = service(&arguments.target, &arguments.service)? else {
        eprintln!("rackwarden: only Redfish services are captured: write https://HOST");
        return Err(Exit::Usage);
    };
    let failed = |reason: &str| {
        eprintln!("rackwarden: {reason}");
        Exit::Failed
    };
    let pool = Pool::default();
    let client = Client::new(&settings, &pool, SystemClock::new()).map_err(|it| failed(&it.reason))?;
    let tree = runtime()?.block_on(async {
        let tree = tokio::select! {
            tree = learn(&client, &settings.origin) => tree,
            () = crate::cli::until_stopped(None) => Err("stopped".to_owned()),
        };
        client.close().await;
        tree
    });
    let tree = tree.map_err(|it| failed(&it))?;
    let written =
        write(&tree, folder).map_err(|it| failed(&format!("cannot write to {}: {it}", folder.display())))?;
    println!("{written} resources in {}; look at names and labels before you hand them on", folder.display());
    Ok(())
}

async fn learn(client: &Arc<Client>, origin: &crate::redfish::uri::Origin) -> Result<Tree, String> {
    let mut learner = Learner::new(origin.clone());
    while let Some(want) = learner.ask() {
        let is_root = want.uri == ResourceUri::root();
        let answer = if is_root { client.root().await } else { client.get(&want.uri, &want.query).await };
        if let Err(fault) = &answer
            && (is_root || fault.ends_poll())
        {
            return Err(fault.reason.clone());
        }
        let refusal =
            answer.map_err(|it| Refusal { missing: it.missing(), is_of_query: it.may_be_of_query() });
        learner.take(want, refusal);
    }
    Ok(learner.into_tree())
}

/// Each resource in a folder of its URI, as index.json: DSP2043's form.
fn write(tree: &Tree, folder: &Path) -> std::io::Result<usize> {
    let mut mask = Mask::default();
    for (uri, resource) in tree.resources() {
        if let Ok(document) = &resource.document {
            mask.learn(document);
        }
        mask.learn_uri(uri);
    }
    let mut written = 0;
    for (uri, resource) in tree.resources() {
        let Ok(document) = &resource.document else { continue };
        let document = match tree.members(uri) {
            Some(members) => collection(uri, members),
            None => document.clone(),
        };
        let document = mask.apply(document);
        let path = mask.text(uri.key());
        let place = path.trim_start_matches('/').split('/').fold(folder.to_owned(), |it, part| it.join(part));
        std::fs::create_dir_all(&place)?;
        let text = serde_json::to_string_pretty(&document).map_err(std::io::Error::other)?;
        std::fs::write(place.join("index.json"), text)?;
        written += 1;
    }
    Ok(written)
}

/// A collection, put together from its pages.
fn collection(uri: &ResourceUri, members: &[ResourceUri]) -> Value {
    let links: Vec<Value> = members.iter().map(|it| json!({ "@odata.id": it.as_str() })).collect();
    json!({ "@odata.id": uri.as_str(), "Members@odata.count": links.len(), "Members": links })
}
