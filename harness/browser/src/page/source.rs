//! The scripts of edgeproof's own that run beside a page's, in a world of their own.

/// `page.js` as a function of an action and its argument.
macro_rules! page_script {
    () => {
        concat!(
            "(action, argument) => (",
            include_str!("../page.js"),
            ")((",
            include_str!("../selectors.js"),
            ")(), action, argument)"
        )
    };
}

/// `recorder.js` as a function of what it tells.
macro_rules! recorder_script {
    () => {
        concat!(
            "(tell) => (",
            include_str!("../recorder.js"),
            ")((",
            include_str!("../selectors.js"),
            ")(), tell)"
        )
    };
}

pub(crate) use {page_script, recorder_script};
