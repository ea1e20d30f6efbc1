//! From rows to shapes: every rule of the table, applied to one call.

use std::{borrow::Cow, collections::HashSet, ops::Range};

use super::{
    call::Call,
    place::places,
    request::{Scheme, UNIQUE, Version, WrittenRequest},
    shape::{Made, Shape, ShapeId},
    table::{Around, BeforeRow, Family, Needs, Row, Values},
    template::{UnknownName, fill},
};

/// What a visitor sends with the plain call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// Who an app is told that calls it.
pub const PROBER: &str = "edgeproof-probe";

/// What is around the call in its deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Folders that other routes of the host lead to, such as `/fp/`.
    pub routes: Vec<String>,
    /// Other hosts of the zones that lead to the same origin.
    pub hosts: Vec<String>,
    /// The path of a page of the same host that gets the script, where a cache may have it.
    pub page: Option<String>,
    /// Whether requests go through a filtering node.
    pub has_connector: bool,
    /// The header that the origin demands.
    pub origin_secret: Option<String>,
}

impl Surroundings {
    /// Whether there is what a row wants.
    fn has(&self, needs: Option<Needs>) -> bool {
        match needs {
            None => true,
            Some(Needs::Connector) => self.has_connector,
            Some(Needs::Page) => self.page.is_some(),
            Some(Needs::OriginSecret) => self.origin_secret.is_some(),
        }
    }
}

/// What a filtering node blocks, as it stands in a query.
const ATTACK: &str = "1%27%20UNION%20SELECT%20username,%20password%20FROM%20users--";

/// Bytes in front of an attack: more than connectors and nodes read whole by habit.
const PADDING: usize = 130 * 1024;
const LONG_PADDING: usize = 2 * 1024 * 1024;

/// Why a row makes no shapes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row `{row}` of the shapes: {why}")]
pub struct RowError {
    row: String,
    why: String,
}

/// The plain call.
pub fn plain(call: &Call, content: &Content) -> WrittenRequest {
    let mut headers = content.headers.clone();
    let has = |name: &str| {
        let mut own = content.headers.iter();
        own.any(|(own, _)| own.eq_ignore_ascii_case(name))
    };
    if !has("user-agent") {
        // Without it nobody is identified; and so the app is told who calls.
        headers.push(("user-agent".to_owned(), PROBER.to_owned()));
    }
    if !content.body.is_empty() && !has("content-type") {
        let content_type = match content.body.starts_with(['{', '[']) {
            true => "application/json",
            false => "application/x-www-form-urlencoded",
        };
        headers.push(("content-type".to_owned(), content_type.to_owned()));
    }
    WrittenRequest {
        scheme: Scheme::Https,
        to: call.host.clone(),
        method: call.method.to_string(),
        target: call.path.clone(),
        version: Version::Http11,
        host: call.host.clone(),
        headers: with_length(headers, call.method.as_str(), &content.body),
        body: content.body.clone(),
    }
}

/// Every shape of a call, each once, and none that is the plain call itself.
///
/// # Errors
/// Where a row names what there is not.
pub fn expand(
    families: &'static [Family],
    call: &Call,
    content: &Content,
    around: &Surroundings,
) -> Result<Vec<Shape>, RowError> {
    let plain = plain(call, content);
    let mut known = HashSet::from([(plain.clone(), None, None, false)]);
    let mut shapes = Vec::new();
    for family in families {
        for row in &family.rows {
            let is_about = |method: &String| call.method == **method;
            if !(row.methods.is_empty() || row.methods.iter().any(is_about))
                || !around.has(row.needs)
            {
                continue;
            }
            let expansion = Expansion {
                call,
                content,
                around,
                plain: &plain,
                family,
                row,
            };
            let made = expansion.shapes().map_err(|why| RowError {
                row: row.id.clone(),
                why,
            })?;
            shapes.extend(made.into_iter().filter(|shape| {
                let (request, before) = (shape.request.clone(), shape.before.clone());
                known.insert((request, shape.signals, before, shape.straight))
            }));
        }
    }
    Ok(shapes)
}

/// One row that is applied to one call.
struct Expansion<'a> {
    call: &'a Call,
    content: &'a Content,
    around: &'a Surroundings,
    plain: &'a WrittenRequest,
    family: &'static Family,
    row: &'static Row,
}

impl Expansion<'_> {
    fn shapes(&self) -> Result<Vec<Shape>, String> {
        let around = self.around;
        let values: Vec<Option<&str>> = match &self.row.each {
            None => vec![None],
            Some(Values::Written(values)) => values.iter().map(|value| Some(&**value)).collect(),
            Some(Values::Around(Around::Routes)) => {
                around.routes.iter().map(|value| Some(&**value)).collect()
            }
            Some(Values::Around(Around::Hosts)) => {
                around.hosts.iter().map(|value| Some(&**value)).collect()
            }
        };
        let places: Vec<Option<(usize, Range<usize>)>> = match self.row.at {
            None => vec![None],
            Some(place) => places(&self.call.path, place)
                .into_iter()
                .enumerate()
                .map(Some)
                .collect(),
        };
        let mut shapes = Vec::new();
        for value in values {
            for place in &places {
                let shape = self.shape(value, place.as_ref());
                shapes.push(shape.map_err(|error| error.to_string())?);
            }
        }
        Ok(shapes)
    }

    fn shape(
        &self,
        value: Option<&str>,
        place: Option<&(usize, Range<usize>)>,
    ) -> Result<Shape, UnknownName> {
        let range = place.map(|(_, range)| range);
        let each = value
            .map(|value| fill(value, |name| self.named(name, range, None)))
            .transpose()?;
        let fill = |text: &str| fill(text, |name| self.named(name, range, each.as_deref()));
        let row = self.row;
        let mut request = self.plain.clone();
        request.scheme = row.scheme;
        request.version = row.version;
        if let Some(method) = &row.method {
            request.method = fill(method)?;
        }
        if let Some(host) = &row.host {
            request.host = fill(host)?;
            // A host of the zones is connected to by its own name.
            if matches!(row.each, Some(Values::Around(Around::Hosts))) {
                request.to.clone_from(&request.host);
            }
        }
        if let Some(target) = row.target.as_ref().or(row.path.as_ref()) {
            request.target = fill(target)?;
        }
        self.add_content(&mut request, fill)?;
        let before = match &row.before {
            Some(before) => Some(self.before(before, &request, fill)?),
            None => None,
        };
        let rule = match value {
            Some(value) => format!("{} {}", row.id, value.escape_debug()),
            None => row.id.clone(),
        };
        Ok(Shape {
            id: ShapeId {
                family: &self.family.name,
                row: &row.id,
                rule,
                place: place.map(|(index, _)| index + 1),
            },
            says: &row.says,
            reads: &row.reads,
            request,
            signals: made(row.signals.as_deref(), fill)?,
            before,
            past: row.past,
            straight: row.straight,
        })
    }

    /// What somebody else sends to the target of `request`.
    fn before(
        &self,
        before: &BeforeRow,
        request: &WrittenRequest,
        fill: impl Fn(&str) -> Result<String, UnknownName>,
    ) -> Result<(WrittenRequest, Option<Made>), UnknownName> {
        let method = before.method.as_deref().unwrap_or("GET");
        let mut sent = WrittenRequest {
            method: fill(method)?,
            target: request.target.clone(),
            body: String::new(),
            ..self.plain.clone()
        };
        if let Some(host) = &before.host {
            sent.host = fill(host)?;
            sent.to.clone_from(&sent.host);
        }
        let is_of_body = |name: &str| name.eq_ignore_ascii_case("content-length");
        sent.headers.retain(|(name, _)| !is_of_body(name));
        for (name, value) in &before.headers {
            sent.headers.push((fill(name)?, fill(value)?));
        }
        Ok((sent, made(before.signals.as_deref(), fill)?))
    }

    /// Headers and body of the row, over those of the plain call.
    fn add_content(
        &self,
        request: &mut WrittenRequest,
        fill: impl Fn(&str) -> Result<String, UnknownName>,
    ) -> Result<(), UnknownName> {
        let mut headers = Vec::new();
        for (name, value) in &self.row.headers {
            let value = value.as_deref().map(&fill).transpose()?;
            headers.push((fill(name)?, value));
        }
        let names = |name: &str| {
            headers
                .iter()
                .any(|(own, _)| own.eq_ignore_ascii_case(name))
        };
        let frames_itself = names("content-length") || names("transfer-encoding");
        request.headers.retain(|(name, _)| !names(name));
        if let Some(body) = &self.row.body {
            request.body = fill(body)?;
        }
        let own = headers.into_iter();
        request
            .headers
            .extend(own.filter_map(|(name, value)| Some((name, value?))));
        let mut all = std::mem::take(&mut request.headers);
        let is_length = |name: &str| name.eq_ignore_ascii_case("content-length");
        if frames_itself {
            // What else the row says of it stands as it is written.
            if !self.row.headers.contains_key("content-length") {
                all.retain(|(name, _)| !is_length(name));
            }
        } else {
            all.retain(|(name, _)| !is_length(name));
            all = with_length(all, &request.method, &request.body);
        }
        request.headers = all;
        Ok(())
    }

    /// What a name of a template stands for.
    fn named<'a>(
        &'a self,
        name: &str,
        place: Option<&Range<usize>>,
        each: Option<&'a str>,
    ) -> Option<Cow<'a, str>> {
        let (path, method) = (&*self.call.path, self.call.method.as_str());
        let (folder, last) = path.rsplit_once('/').unwrap_or(("", path));
        let at = |range: &Range<usize>| path[range.clone()].chars().next();
        Some(match name {
            "each" => each?.into(),
            "method" => method.into(),
            "lower_method" => method.to_ascii_lowercase().into(),
            "capital_method" => capital(&method.to_ascii_lowercase()).into(),
            "host" => self.call.host.as_str().into(),
            "upper_host" => self.call.host.to_ascii_uppercase().into(),
            "path" => path.into(),
            "upper" => path.to_ascii_uppercase().into(),
            "capital" => by_segment(path, capital).into(),
            "inner" => path.strip_prefix('/').unwrap_or(path).into(),
            "folder" => folder.into(),
            "upper_folder" => folder.to_ascii_uppercase().into(),
            "last" => last.into(),
            "escaped" => by_segment(path, |segment| escaped(segment, "%")).into(),
            "escaped_whole" => format!("/{}", escaped(&path[1..], "%")).into(),
            "escaped_slashes" => path
                .strip_prefix('/')
                .unwrap_or(path)
                .replace('/', "%2F")
                .into(),
            "escaped_twice" => by_segment(path, |segment| escaped(segment, "%25")).into(),
            "content" => self.content.body.as_str().into(),
            "unique" => UNIQUE.into(),
            "page" => self.around.page.as_deref()?.into(),
            "origin_secret" => self.around.origin_secret.as_deref()?.into(),
            "attack" => ATTACK.into(),
            "padding" => "a".repeat(PADDING).into(),
            "long_padding" => "a".repeat(LONG_PADDING).into(),
            "chunked" => chunked(&self.content.body).into(),
            "head" => path[..place?.start].into(),
            "tail" => path[place?.end..].into(),
            "letter" => at(place?)?.to_string().into(),
            "swapped" => swapped(at(place?)?).to_string().into(),
            "hex" => format!("{:02x}", u32::from(at(place?)?)).into(),
            "HEX" => format!("{:02X}", u32::from(at(place?)?)).into(),
            "swapped_hex" => format!("{:02x}", u32::from(swapped(at(place?)?))).into(),
            "fullwidth" => escaped(
                &char::from_u32(u32::from(at(place?)?) + 0xFEE0)?.to_string(),
                "%",
            )
            .into(),
            "overlong" => {
                let code = u32::from(at(place?)?);
                format!("%{:02X}%{:02X}", 0xC0 | code >> 6, 0x80 | code & 0x3F).into()
            }
            _ => return None,
        })
    }
}

/// The signals of this name.
fn made(
    signals: Option<&str>,
    fill: impl Fn(&str) -> Result<String, UnknownName>,
) -> Result<Option<Made>, UnknownName> {
    let Some(signals) = signals else {
        return Ok(None);
    };
    let name = fill(signals)?;
    let made = Made::named(&name).ok_or(UnknownName(name))?;
    Ok(Some(made))
}

/// The headers with the length of a body, where the method or the body wants one.
fn with_length(
    mut headers: Vec<(String, String)>,
    method: &str,
    body: &str,
) -> Vec<(String, String)> {
    let has_content = !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH");
    let is_framed = headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    if has_content && !is_framed {
        headers.push(("content-length".to_owned(), body.len().to_string()));
    }
    headers
}

fn by_segment(path: &str, change: impl Fn(&str) -> String) -> String {
    path.split('/').map(change).collect::<Vec<_>>().join("/")
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + letters.as_str()
    })
}

fn swapped(letter: char) -> char {
    match letter.is_ascii_lowercase() {
        true => letter.to_ascii_uppercase(),
        false => letter.to_ascii_lowercase(),
    }
}

/// Every byte as an escape.
fn escaped(text: &str, mark: &str) -> String {
    text.bytes()
        .map(|byte| format!("{mark}{byte:02X}"))
        .collect()
}

fn chunked(body: &str) -> String {
    match body {
        "" => "0\r\n\r\n".to_owned(),
        body => format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()),
    }
}

#[cfg(test)]
mod tests;
