use std::time::Duration;

use edgeproof_ground::{call::CallPattern, trace::Trace};

use super::*;

const SCRIPTS: &str = "/accounts/{a}/workers/scripts";

#[tokio::test]
async fn an_error_is_answered_in_place_of_the_effect() {
    let api = Api::start().await;
    let error = ErrorFault {
        retry_after: Some(2),
        ..ErrorFault::status(503)
    };
    api.plane
        .set_fault(PlaneFault::new(None, PlaneFaultKind::Error(error)).nth(2));
    api.get(SCRIPTS).await.result();
    let form = Form::module(&json!({})).bytes();
    let path = format!("{SCRIPTS}/flow");
    let response = api
        .send("PUT", &path, "multipart/form-data; boundary=limit", form)
        .await
        .unwrap();
    assert_eq!(response.headers()["retry-after"], "2");
    assert_eq!(told(&response).refusal(), (503, 10013));
    assert!(api.plane.state().scripts.is_empty());
    api.deploy("flow").await.result();
}

#[tokio::test]
async fn the_connection_drops_before_or_after_the_effect() {
    for (kind, there) in [
        (PlaneFaultKind::Reset, false),
        (PlaneFaultKind::ResetAfterwards, true),
    ] {
        let api = Api::start().await;
        let on: CallPattern = "PUT */workers/scripts/*".parse().unwrap();
        api.plane.set_fault(PlaneFault::new(Some(on), kind).nth(1));
        api.get(SCRIPTS).await.result();
        let form = Form::module(&json!({})).bytes();
        let path = format!("{SCRIPTS}/flow");
        let response = api
            .send("PUT", &path, "multipart/form-data; boundary=limit", form)
            .await;
        assert!(response.is_err(), "{response:?}");
        assert_eq!(api.plane.state().scripts.contains_key("flow"), there);
    }
}

#[tokio::test]
async fn a_request_that_hangs_changes_nothing_and_ends_with_its_client() {
    let api = Api::start().await;
    api.plane
        .set_fault(PlaneFault::new(None, PlaneFaultKind::Hang).nth(1));
    let asked = tokio::time::timeout(Duration::from_millis(200), api.deploy("flow")).await;
    assert!(asked.is_err());
    assert!(api.plane.state().scripts.is_empty());
    api.plane.set_faults(Vec::new());
    api.deploy("flow").await.result();
}

#[tokio::test]
async fn a_fault_and_a_refusal_are_in_the_trace() {
    let trace = Trace::new();
    let api = Api::with(AccountSettings {
        trace: trace.clone(),
        ..AccountSettings::default()
    })
    .await;
    api.plane
        .set_fault(PlaneFault::new(None, PlaneFaultKind::Delay(1)).nth(1));
    api.get(&format!("{SCRIPTS}/flow")).await.refusal();
    let hop = &trace.exchanges()[0];
    assert_eq!(
        (hop.from, hop.to),
        (
            edgeproof_ground::trace::Party::Operator,
            edgeproof_ground::trace::Party::ControlPlane
        )
    );
    assert_eq!(hop.fault.as_deref(), Some("delayed by 1ms"));
    assert!(
        hop.decision
            .as_deref()
            .unwrap()
            .starts_with("refused: 10007")
    );
    assert_eq!(hop.request.headers["authorization"], "[redacted]");
}
