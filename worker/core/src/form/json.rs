//! Bodies of JSON. They carry no signals, but their members override the method of a request where an origin takes them for
//! the fields of a form.

use super::{Form, METHOD_FIELD};
use crate::json::{Json, Object, Read};

/// Whether a media type is one of JSON.
pub(super) fn is_json(essence: &str) -> bool {
    let suffix = essence.rsplit_once('+').map(|(_, suffix)| suffix);
    essence.eq_ignore_ascii_case("application/json")
        || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("json"))
}

/// What the outermost object of a body says about the method.
pub(super) fn find(body: &[u8]) -> Form {
    let mut form = Form::default();
    let text = String::from_utf8_lossy(body);
    let json = Json::parse(&text).ok();
    let member = json
        .as_ref()
        .and_then(|json| Object::read(json)?.optional::<&str>(METHOD_FIELD).ok()?);
    if let Some(value) = member {
        form.see(METHOD_FIELD, value);
    }
    form
}
