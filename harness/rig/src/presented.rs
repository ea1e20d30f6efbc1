//! A browser that shows itself as a visitor is described.

use edgeproof_browser::{BrowserError, Engine, Gate, GatewayTarget, PageError, Pool};

use super::{BrowserVisit, Visitor, WrongClock};

/// Borrows a browser whose connections lead along `target`, and opens a blank page as the visitor. Requests to the hosts of
/// a gate carry what it lets through.
pub(super) async fn browser(
    browsers: &Pool,
    engine: Engine,
    visitor: &Visitor,
    target: GatewayTarget,
    gate: Option<Gate>,
) -> Result<BrowserVisit, BrowserError> {
    let lease = browsers.lend(engine, visitor.profile, target).await?;
    let page = lease.open().await?;
    let presented = async {
        page.present_as(&visitor.headers.0, visitor.language.as_deref())
            .await?;
        if visitor.clock != WrongClock::default() {
            page.wrong_clock(visitor.clock.ahead).await?;
        }
        match gate {
            Some(gate) => page.pass(gate).await,
            None => Ok(()),
        }
    };
    presented
        .await
        .map_err(|error: PageError| BrowserError::Protocol {
            engine,
            reason: error.to_string(),
        })?;
    Ok(BrowserVisit::new(lease, page))
}
