//! A step that looks for ways past a protection.

use edgeproof_probe::{Call, Content, Options, Outcome, Sign, probe};
use edgeproof_rig::Rig;
use edgeproof_scenario::probing::Probing;

use super::HarnessFault;

/// Sends every shape of the call as this visitor.
pub(super) async fn probe_as(
    rig: &Rig,
    visitor: &str,
    probing: &Probing,
) -> Result<Outcome, HarnessFault> {
    let description = rig.description();
    let hosts = description
        .zones
        .values()
        .flat_map(|zone| zone.hosts.keys());
    let call = Call::of(&probing.call, hosts.map(String::as_str))?;
    let deployments = description.deployments.values();
    let mut apis = deployments.flat_map(|deployment| &deployment.protected_apis);
    let written = format!("{} {}", probing.call.method, probing.call.url);
    // The API of the deployment that it is a call of, as its mend is one of that deployment.
    let api = apis.find(|api| {
        api.method == probing.call.method
            && written.starts_with(format!("{} {}", api.method, api.url).trim_end_matches('*'))
    });
    let headers = probing.headers.iter();
    let options = Options {
        api: api.map_or(written.clone(), |api| format!("{} {}", api.method, api.url)),
        call,
        content: Content {
            headers: headers
                .map(|(name, value)| (name.0.to_string(), value.clone()))
                .collect(),
            body: probing.body.clone(),
        },
        sign: match &probing.ran_header {
            Some(name) => Sign::Header(name.0.clone()),
            None => Sign::Response,
        },
        framework: None,
        visitor: visitor.to_owned(),
        only: None,
    };
    Ok(probe(rig, &options, &mut |_| {}).await?)
}
