//! Forms of type `application/x-www-form-urlencoded`.

use url::form_urlencoded;

use super::{FIELD, Form};

/// Finds the field in a body. Of one that goes on, the last pair is not whole and not looked at.
pub(super) fn find(body: &[u8], is_whole: bool) -> Form {
    let mut form = Form::default();
    let mut start = 0;
    let mut kept_end = 0;
    for pair in body.split(|byte| *byte == b'&') {
        let end = start + pair.len();
        let is_last = end == body.len();
        if is_last && !is_whole {
            break;
        }
        match form_urlencoded::parse(pair).next() {
            // The last pair takes the separator in front of it along, any other the one behind it.
            Some((name, value)) if name == FIELD => {
                let range = if is_last {
                    kept_end.min(start)..end
                } else {
                    start..end + 1
                };
                form.cut(range, || value.into_owned());
            }
            field => {
                if let Some((name, value)) = field {
                    form.see(&name, &value);
                }
                kept_end = end;
            }
        }
        start = end + 1;
    }
    form
}
