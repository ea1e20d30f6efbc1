//! The variables of the Wallarm connector.

use std::collections::BTreeMap;

use serde_json::json;

use super::{BlockPage, ConnectorMode, Deployment, FailureMode, node_host};

/// The connector's variables; none where the deployment has no connector. What is not stated is left to the worker.
pub(super) fn variables(worker: &str, deployment: &Deployment) -> BTreeMap<String, String> {
    let Some(wallarm) = &deployment.wallarm else {
        return BTreeMap::new();
    };
    let mode = match wallarm.mode {
        ConnectorMode::Inline => "inline",
        ConnectorMode::Async => "async",
    };
    let failure_mode = wallarm.failure_mode.map(|failure_mode| match failure_mode {
        FailureMode::Open => "open",
        FailureMode::Closed => "closed",
    });
    let block_page = wallarm.block_page.map(|page| match page {
        BlockPage::Text => "text",
        BlockPage::Page => "page",
    });
    let routes = (!wallarm.routes.is_empty()).then(|| json!(wallarm.routes).to_string());
    let suffixes = wallarm
        .static_suffixes
        .as_ref()
        .map(|suffixes| json!(suffixes).to_string());
    [
        (
            "WALLARM_NODE",
            Some(format!("https://{}", node_host(worker, deployment))),
        ),
        ("WALLARM_MODE", Some(mode.to_owned())),
        ("WALLARM_ROUTES", routes),
        ("WALLARM_FAILURE_MODE", failure_mode.map(str::to_owned)),
        (
            "WALLARM_TIMEOUT_MS",
            wallarm.timeout.map(|limit| limit.0.as_millis().to_string()),
        ),
        ("WALLARM_STATIC_SUFFIXES", suffixes),
        ("WALLARM_BLOCK_PAGE", block_page.map(str::to_owned)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables_of(yaml: &str) -> String {
        let deployment: Deployment = serde_saphyr::from_str(yaml).unwrap();
        variables("flow", &deployment)
            .iter()
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect()
    }

    #[test]
    fn a_deployment_without_a_connector_has_none_of_its_variables() {
        assert_eq!(variables_of("{failure_mode: closed}"), "");
    }

    #[test]
    fn what_is_not_stated_is_left_to_the_worker() {
        assert_eq!(
            variables_of("{wallarm: {}}"),
            "WALLARM_MODE=inline\nWALLARM_NODE=https://node.wallarm.example\n"
        );
    }

    #[test]
    fn every_setting_becomes_a_variable() {
        let yaml = "
wallarm:
  mode: async
  routes: [shop.example/*]
  failure_mode: closed
  timeout: 250ms
  static_suffixes: [.css]
  block_page: page
node: { url: 'http://127.0.0.1:8081' }
";
        assert_eq!(
            variables_of(yaml),
            "WALLARM_BLOCK_PAGE=page\nWALLARM_FAILURE_MODE=closed\nWALLARM_MODE=async\n\
             WALLARM_NODE=https://flow.node.wallarm.example\nWALLARM_ROUTES=[\"shop.example/*\"]\n\
             WALLARM_STATIC_SUFFIXES=[\".css\"]\nWALLARM_TIMEOUT_MS=250\n"
        );
    }
}
