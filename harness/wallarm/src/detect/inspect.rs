//! Decodes values recursively and shows each to the detectors.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use super::{
    AttackType, Finding, Limits, Point,
    decode::{self, Field},
    detectors,
    value::{Value, runs_in_binary},
};

/// The look at one request.
pub(super) struct Inspection {
    limits: Limits,
    values: usize,
    bytes: usize,
    seen: HashSet<u64>,
    findings: Vec<Finding>,
}

/// The limits are used up.
pub(super) struct Exhausted;

/// What a value is, where that changes how it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    /// A value that a person could have chosen.
    Free,
    /// Written by a program in a syntax of its own.
    Program,
}

impl Inspection {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            values: 0,
            bytes: 0,
            seen: HashSet::new(),
            findings: Vec::new(),
        }
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// Looks at a value and at everything it decodes to.
    pub(super) fn value(
        &mut self,
        point: &Point,
        bytes: &[u8],
        origin: Origin,
    ) -> Result<(), Exhausted> {
        self.decoded(point, bytes, origin, 0)
    }

    /// Looks at named values and at their names.
    pub(super) fn fields(&mut self, point: &Point, fields: &[Field]) -> Result<(), Exhausted> {
        self.fields_at(point, fields, 0)
    }

    /// The bytes that decoders may still make.
    pub(super) fn bytes_left(&self) -> u64 {
        (self.limits.bytes.saturating_sub(self.bytes)) as u64
    }

    fn fields_at(
        &mut self,
        point: &Point,
        fields: &[Field],
        depth: usize,
    ) -> Result<(), Exhausted> {
        for Field { names, value } in fields {
            let mut place = point.clone();
            for name in names {
                self.decoded(&place.below("name"), name.as_bytes(), Origin::Free, depth)?;
                place = place.below(name.as_str());
            }
            self.decoded(&place, value, Origin::Free, depth)?;
        }
        Ok(())
    }

    fn decoded(
        &mut self,
        point: &Point,
        bytes: &[u8],
        origin: Origin,
        depth: usize,
    ) -> Result<(), Exhausted> {
        if bytes.is_empty() || !self.is_new(point, bytes, origin) {
            return Ok(());
        }
        self.values += 1;
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.values > self.limits.values
            || self.bytes > self.limits.bytes
            || depth > self.limits.depth
        {
            return Err(self.exhausted(point));
        }
        if let Some(fields) = decode::json(bytes) {
            return self.fields_at(&point.below("json_doc"), &fields, depth + 1);
        }
        if let Some(content) = decode::gunzip(bytes, self.bytes_left().saturating_add(1)) {
            return self.decoded(&point.below("gzip"), &content, origin, depth + 1);
        }
        if let Some(runs) = runs_in_binary(bytes) {
            return self.in_binary(point, &runs);
        }
        let value = Value::new(bytes, origin == Origin::Program);
        if let Some(fields) = decode::xml(&value.raw) {
            // The markup itself is no attack but for what it makes a parser do.
            self.style(point, &value, |attack| attack == AttackType::Xxe);
            return self.fields_at(&point.below("xml"), &fields, depth + 1);
        }
        self.style(point, &value, |_| true);
        self.open(point, bytes, &value.raw, origin, depth + 1)
    }

    /// The texts in binary content. No person wrote them as the value of anything, so only plain signs count.
    fn in_binary(&mut self, point: &Point, runs: &[&[u8]]) -> Result<(), Exhausted> {
        for run in runs {
            self.values += 1;
            if self.values > self.limits.values {
                return Err(self.exhausted(point));
            }
            self.style(point, &Value::new(run, true), |_| true);
        }
        Ok(())
    }

    /// Everything that the value decodes to.
    fn open(
        &mut self,
        point: &Point,
        bytes: &[u8],
        text: &str,
        origin: Origin,
        depth: usize,
    ) -> Result<(), Exhausted> {
        if bytes.contains(&b'%')
            && let Some(decoded) = decode::percent(bytes)
        {
            self.decoded(&point.below("percent"), &decoded, origin, depth)?;
        }
        if text.contains('&')
            && let Some(decoded) = decode::entities(text)
        {
            self.decoded(&point.below("htmljs"), decoded.as_bytes(), origin, depth)?;
        }
        if text.contains('\\')
            && let Some(decoded) = decode::escapes(text)
        {
            self.decoded(&point.below("htmljs"), decoded.as_bytes(), origin, depth)?;
        }
        // What was hidden on purpose was not written by the program whose header it came in.
        if let Some(decoded) = decode::base64(bytes) {
            self.decoded(&point.below("base64"), &decoded, Origin::Free, depth)?;
        }
        if let Some(decoded) = decode::hexadecimal(bytes) {
            self.decoded(&point.below("hex"), &decoded, Origin::Free, depth)?;
        }
        Ok(())
    }

    fn style(&mut self, point: &Point, value: &Value, wanted: impl Fn(AttackType) -> bool) {
        for (attack, sign) in detectors::attacks(value, point) {
            if wanted(attack) && !self.findings.iter().any(|finding| finding.attack == attack) {
                self.findings.push(Finding {
                    attack,
                    point: point.clone(),
                    payload: sign.payload,
                    sign: sign.name,
                });
            }
        }
    }

    fn exhausted(&mut self, point: &Point) -> Exhausted {
        self.findings.push(Finding {
            attack: AttackType::OverlimitRes,
            point: point.clone(),
            payload: String::new(),
            sign: "analysis given up",
        });
        Exhausted
    }

    /// Two decoders often agree. Only some detectors care for the place, so the part is told apart and no more.
    fn is_new(&mut self, point: &Point, bytes: &[u8], origin: Origin) -> bool {
        let mut hasher = DefaultHasher::new();
        (point.steps().first(), origin, bytes).hash(&mut hasher);
        if point.is_in("header") {
            point.steps().hash(&mut hasher);
        }
        self.seen.insert(hasher.finish())
    }
}
