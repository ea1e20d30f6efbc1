//! What the emulated agent is told to cost: the real one's price is unknown, so a scenario states it.

use edgeproof_ground::time::Time;
use schemars::JsonSchema;
use serde::Deserialize;

/// The identifier in the bundled agent that stands for its cost.
const PLACEHOLDER: &str = "__EDGEPROOF_AGENT__";

/// What each collection of signals costs a page. Nothing unless stated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AgentCost {
    /// How long it keeps the page's main thread busy.
    pub busy: Option<Time>,
    /// How long it takes altogether.
    pub takes: Option<Time>,
    /// Whether it sends a request to the platform, through the worker, and waits for the response.
    pub request: bool,
}

impl AgentCost {
    /// The bundled agent that costs this.
    pub(super) fn agent(self, bundled: &str) -> String {
        let milliseconds = |time: Option<Time>| time.map_or(0, |time| time.0.as_millis());
        let cost = format!(
            "{{busy:{},takes:{},request:{}}}",
            milliseconds(self.busy),
            milliseconds(self.takes),
            self.request
        );
        bundled.replace(PLACEHOLDER, &cost)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("{}", "{busy:0,takes:0,request:false}")]
    #[case(
        r#"{"busy": "80ms", "takes": "1s", "request": true}"#,
        "{busy:80,takes:1000,request:true}"
    )]
    fn the_agent_is_told_what_to_cost(#[case] stated: &str, #[case] told: &str) {
        let cost: AgentCost = serde_json::from_str(stated).unwrap();
        assert_eq!(
            cost.agent("const cost = __EDGEPROOF_AGENT__;"),
            format!("const cost = {told};")
        );
    }
}
