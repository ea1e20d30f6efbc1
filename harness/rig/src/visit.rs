//! A visitor with a browser.

use std::ops::Deref;

use edgeproof_browser::{Lease, Page, PageError};

/// A browser that was lent to a visitor, with a page open. Give it back with [`leave`](Self::leave); one that is
/// dropped instead is ended, and the next visitor gets a fresh one.
pub struct BrowserVisit {
    lease: Lease,
    page: Page,
}

impl BrowserVisit {
    pub(super) fn new(lease: Lease, page: Page) -> Self {
        Self { lease, page }
    }

    /// Where another program can act in the browser too, by the DevTools protocol; none where its engine takes only one.
    pub fn devtools(&self) -> Option<&str> {
        self.lease.devtools()
    }

    /// Closes the page and forgets the visit: cookies, storage, cache and connections go.
    ///
    /// # Errors
    /// Why the browser was ended instead, where it could not be wiped. The next visitor gets another one.
    pub async fn leave(self) -> Result<(), PageError> {
        self.lease.give_back(self.page).await
    }
}

impl Deref for BrowserVisit {
    type Target = Page;

    fn deref(&self) -> &Page {
        &self.page
    }
}
