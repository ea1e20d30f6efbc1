//! Reads a condition by the precedences of expr-lang, and checks fields and types while it reads.
//!
//! ```text
//! or         := and { ("or" | "||") and }
//! and        := comparison { ("and" | "&&") comparison }
//! comparison := unary { ["not"] ("in" | "matches" | "contains" | "startsWith" | "endsWith") unary
//!                     | ("==" | "!=" | "<" | ">" | "<=" | ">=") unary }
//! unary      := ("not" | "!" | "-" | "+") unary | coalesce
//! coalesce   := primary { "??" primary }            (binds tighter than the signs in front of it)
//! primary    := number | string | "true" | "false" | "nil" | field | "[" or { "," or } "]" | "(" or ")"
//! field      := name { ("." | "?.") name | ["?."] "[" string "]" }
//! ```

use std::ops::Range;

use regex::{Regex, RegexBuilder};

use super::{
    MAX_DEPTH,
    check::{self, Checked},
    error::{ExpressionError, Problem},
    syntax::{ExpressionNode, Order, Term, TextOperator, Type},
    token::{Placed, Token, tokens},
};
use crate::rules::fields;

/// A pattern whose program would be larger is refused: patterns come from a file a user wrote.
const MAX_REGEX_BYTES: usize = 1 << 20;

/// Words that start something of expr-lang that conditions do not hold.
const STATEMENTS: [&str; 2] = ["let", "if"];

pub(super) fn parse(text: &str) -> Result<ExpressionNode, ExpressionError> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
        depth: 0,
    };
    let (root, kind) = parser.or()?;
    parser.no_more()?;
    check::condition(&root, kind, "a rule")?;
    Ok(root)
}

struct Parser {
    tokens: Vec<Placed>,
    next: usize,
    depth: usize,
}

type Parsed = Result<Checked, ExpressionError>;

impl Parser {
    fn or(&mut self) -> Parsed {
        self.chain("or", "||", Self::and, Term::Or)
    }

    fn and(&mut self) -> Parsed {
        self.chain("and", "&&", Self::comparison, Term::And)
    }

    fn chain(
        &mut self,
        word: &'static str,
        sign: &'static str,
        operand: fn(&mut Self) -> Parsed,
        term: fn(Vec<ExpressionNode>) -> Term,
    ) -> Parsed {
        let (first, kind) = operand(self)?;
        if !self.at_keyword(word) && !self.at_sign(sign) {
            return Ok((first, kind));
        }
        check::condition(&first, kind, word)?;
        let start = first.span.start;
        let mut operands = vec![first];
        while self.take_keyword(word) || self.take_sign(sign) {
            let (next, kind) = operand(self)?;
            check::condition(&next, kind, word)?;
            operands.push(next);
        }
        let span = start..self.end();
        Ok((
            ExpressionNode {
                span,
                term: term(operands),
            },
            Type::Bool,
        ))
    }

    fn comparison(&mut self) -> Parsed {
        let mut left = self.operand()?;
        let mut links = 0;
        loop {
            let negated = self.at_keyword("not");
            if negated {
                self.next += 1;
            }
            let Some(operator) = self.comparison_operator(negated)? else {
                return Ok(left);
            };
            // Each link nests the one before it.
            links += 1;
            if self.depth + links > MAX_DEPTH {
                return Err(ExpressionError::new(left.0.span, Problem::TooDeep));
            }
            let right = self.operand()?;
            let span = left.0.span.start..self.end();
            let mut term = compare(operator, left, right)?;
            if negated {
                term = Term::Not(Box::new(ExpressionNode {
                    span: span.clone(),
                    term,
                }));
            }
            left = (ExpressionNode { span, term }, Type::Bool);
        }
    }

    /// The operator that stands here, if one does. `not` in front of it leaves only the operators that are words.
    fn comparison_operator(
        &mut self,
        negated: bool,
    ) -> Result<Option<&'static str>, ExpressionError> {
        let operator = match self.peek() {
            Token::Keyword(word @ ("in" | "matches" | "contains" | "startsWith" | "endsWith")) => {
                Some(*word)
            }
            Token::Sign(sign @ ("==" | "!=" | "<" | ">" | "<=" | ">=")) if !negated => Some(*sign),
            _ if negated => {
                return Err(
                    self.expected("`in`, `matches`, `contains`, `startsWith` or `endsWith`")
                );
            }
            _ => None,
        };
        if operator.is_some() {
            self.next += 1;
        }
        Ok(operator)
    }

    /// A side of a comparison; what would bind tighter than the comparison is not emulated.
    fn operand(&mut self) -> Parsed {
        let operand = self.unary()?;
        match self.peek() {
            Token::Sign("+" | "-" | "*" | "/" | "%" | "^") => {
                Err(self.not_emulated("arithmetic operators"))
            }
            Token::Sign("..") => Err(self.not_emulated("ranges")),
            _ => Ok(operand),
        }
    }

    fn unary(&mut self) -> Parsed {
        let start = self.span().start;
        if self.take_keyword("not") || self.take_sign("!") {
            let (operand, kind) = self.nested(Self::unary)?;
            check::condition(&operand, kind, "not")?;
            let span = start..operand.span.end;
            return Ok((
                ExpressionNode {
                    span,
                    term: Term::Not(Box::new(operand)),
                },
                Type::Bool,
            ));
        }
        let negative = self.at_sign("-");
        if self.take_sign("-") || self.take_sign("+") {
            let (operand, kind) = self.nested(Self::unary)?;
            check::number(&operand, kind, if negative { "-" } else { "+" })?;
            let span = start..operand.span.end;
            let term = if negative {
                Term::Minus(Box::new(operand))
            } else {
                operand.term
            };
            return Ok((ExpressionNode { span, term }, Type::Number));
        }
        self.coalesce()
    }

    fn coalesce(&mut self) -> Parsed {
        let (mut left, mut kind) = self.primary()?;
        let mut links = 0;
        while self.take_sign("??") {
            links += 1;
            if self.depth + links > MAX_DEPTH {
                return Err(ExpressionError::new(left.span, Problem::TooDeep));
            }
            // A sign may stand in front of the alternative: `vpn_ml_score ?? -1`.
            let signed = matches!(
                self.peek(),
                Token::Keyword("not") | Token::Sign("!" | "-" | "+")
            );
            let (right, alternative) = if signed {
                self.unary()?
            } else {
                self.primary()?
            };
            check::same(&left, kind, &right, alternative, "??")?;
            if kind == Type::Nil {
                kind = alternative;
            }
            let span = left.span.start..right.span.end;
            left = ExpressionNode {
                span,
                term: Term::Coalesce(Box::new(left), Box::new(right)),
            };
        }
        Ok((left, kind))
    }

    fn primary(&mut self) -> Parsed {
        let Placed { token, span } = self.tokens[self.next].clone();
        let (term, kind) = match token {
            Token::Number(number) => (Term::Number(number), Type::Number),
            Token::Text(text) => (Term::Text(text), Type::Text),
            Token::Keyword("true") => (Term::Bool(true), Type::Bool),
            Token::Keyword("false") => (Term::Bool(false), Type::Bool),
            Token::Keyword("nil") => (Term::Nil, Type::Nil),
            Token::Name(name) => return self.field(name),
            Token::Sign("(") => {
                self.next += 1;
                let inner = self.nested(Self::or)?;
                self.expect(")", "`)`")?;
                return Ok(inner);
            }
            Token::Sign("[") => return self.list(),
            Token::Sign("{") => {
                return Err(ExpressionError::new(
                    span,
                    Problem::NotEmulated("maps and predicates"),
                ));
            }
            _ => return Err(self.expected("a field or a value")),
        };
        self.next += 1;
        Ok((ExpressionNode { span, term }, kind))
    }

    fn list(&mut self) -> Parsed {
        let start = self.span().start;
        self.next += 1;
        let mut elements = Vec::new();
        while !self.at_sign("]") {
            elements.push(self.nested(Self::or)?);
            if !self.take_sign(",") {
                break;
            }
        }
        self.expect("]", "`,` or `]`")?;
        let element = check::elements(&elements)?;
        let elements = elements.into_iter().map(|(node, _)| node).collect();
        Ok((
            ExpressionNode {
                span: start..self.end(),
                term: Term::List(elements),
            },
            Type::List(element),
        ))
    }

    fn field(&mut self, mut name: String) -> Parsed {
        let start = self.span().start;
        if STATEMENTS.contains(&name.as_str()) {
            return Err(ExpressionError::new(
                self.span(),
                Problem::NotEmulated("`let` and `if`"),
            ));
        }
        self.next += 1;
        loop {
            let dotted = self.take_sign(".") || self.take_sign("?.");
            let key = match self.peek().clone() {
                Token::Sign("[") => {
                    self.next += 1;
                    let Token::Text(key) = self.peek().clone() else {
                        return Err(self.expected("the name of a field in quotes"));
                    };
                    self.next += 1;
                    self.expect("]", "`]`")?;
                    key
                }
                Token::Name(key) if dotted => {
                    self.next += 1;
                    key
                }
                // After a dot the words of the language are names.
                Token::Keyword(key) if dotted => {
                    self.next += 1;
                    key.to_owned()
                }
                Token::Sign("(") => {
                    return Err(ExpressionError::new(
                        start..self.end(),
                        Problem::NotEmulated("functions"),
                    ));
                }
                _ if dotted => return Err(self.expected("the name of a field")),
                _ => break,
            };
            name.push('.');
            name.push_str(&key);
        }
        let span = start..self.end();
        match fields::find(&name) {
            Some(field) => Ok((
                ExpressionNode {
                    span,
                    term: Term::Field(field),
                },
                field.kind.into(),
            )),
            None if fields::is_group(&name) => {
                Err(ExpressionError::new(span, Problem::Group(name)))
            }
            None => {
                let nearest = fields::nearest(&name);
                Err(ExpressionError::new(
                    span,
                    Problem::UnknownField { name, nearest },
                ))
            }
        }
    }

    /// One level deeper, as far as the limit allows.
    fn nested(&mut self, parse: fn(&mut Self) -> Parsed) -> Parsed {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ExpressionError::new(self.span(), Problem::TooDeep));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn no_more(&self) -> Result<(), ExpressionError> {
        match self.peek() {
            Token::End => Ok(()),
            Token::Sign("?") => Err(self.not_emulated("ternaries")),
            Token::Sign("|") => Err(self.not_emulated("pipes")),
            _ => Err(self.expected("`and`, `or` or the end of the expression")),
        }
    }

    fn not_emulated(&self, what: &'static str) -> ExpressionError {
        ExpressionError::new(self.span(), Problem::NotEmulated(what))
    }

    fn expect(
        &mut self,
        sign: &'static str,
        expected: &'static str,
    ) -> Result<(), ExpressionError> {
        if self.take_sign(sign) {
            return Ok(());
        }
        // What expr-lang knows and conditions do not is named for what it is.
        self.no_more()
            .and_then(|()| Err(self.expected(expected)))
            .map_err(|error| match error.problem {
                Problem::Expected { .. } => self.expected(expected),
                _ => error,
            })
    }

    fn expected(&self, expected: &'static str) -> ExpressionError {
        let found = match self.peek() {
            Token::End => "the end of the expression".to_owned(),
            Token::Number(number) => format!("the number {number}"),
            Token::Text(_) => "a string".to_owned(),
            Token::Name(name) => format!("`{name}`"),
            Token::Keyword(word) | Token::Sign(word) => format!("`{word}`"),
        };
        ExpressionError::new(self.span(), Problem::Expected { expected, found })
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.next].token
    }

    fn span(&self) -> Range<usize> {
        self.tokens[self.next].span.clone()
    }

    /// Where the token before this one ended.
    fn end(&self) -> usize {
        self.next
            .checked_sub(1)
            .map_or(0, |last| self.tokens[last].span.end)
    }

    fn at_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(next) if *next == sign)
    }

    fn at_keyword(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Keyword(next) if *next == word)
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let here = self.at_sign(sign);
        self.next += usize::from(here);
        here
    }

    fn take_keyword(&mut self, word: &str) -> bool {
        let here = self.at_keyword(word);
        self.next += usize::from(here);
        here
    }
}

/// The term of a comparison whose operands suit its operator.
fn compare(operator: &'static str, left: Checked, right: Checked) -> Result<Term, ExpressionError> {
    let ((left, left_type), (right, right_type)) = (left, right);
    match operator {
        "==" | "!=" => check::same(&left, left_type, &right, right_type, operator)?,
        "<" | "<=" | ">" | ">=" => check::ordered(&left, left_type, &right, right_type, operator)?,
        "in" => check::membership(&left, left_type, &right, right_type)?,
        _ => {
            check::text(&left, left_type, operator)?;
            check::text(&right, right_type, operator)?;
        }
    }
    if operator == "matches" {
        let regex = pattern(&right)?;
        return Ok(Term::Matches(Box::new(left), regex));
    }
    let (left, right) = (Box::new(left), Box::new(right));
    Ok(match operator {
        "==" => Term::Equal(left, right),
        "!=" => {
            let span = left.span.start..right.span.end;
            Term::Not(Box::new(ExpressionNode {
                span,
                term: Term::Equal(left, right),
            }))
        }
        "<" => Term::Order(Order::Less, left, right),
        "<=" => Term::Order(Order::LessOrEqual, left, right),
        ">" => Term::Order(Order::Greater, left, right),
        ">=" => Term::Order(Order::GreaterOrEqual, left, right),
        "in" => Term::In(left, right),
        "contains" => Term::Within(TextOperator::Contains, left, right),
        "startsWith" => Term::Within(TextOperator::StartsWith, left, right),
        _ => Term::Within(TextOperator::EndsWith, left, right),
    })
}

/// Compiles the right side of `matches`, which must be a literal: Go compiles it once, too.
fn pattern(right: &ExpressionNode) -> Result<Regex, ExpressionError> {
    let Term::Text(pattern) = &right.term else {
        return Err(ExpressionError::new(
            right.span.clone(),
            Problem::NotEmulated("patterns that are not a literal"),
        ));
    };
    RegexBuilder::new(pattern)
        .size_limit(MAX_REGEX_BYTES)
        .build()
        .map_err(|error| {
            // The last line of the crate's drawing says what is wrong.
            let message = error.to_string();
            let reason = message.lines().last().unwrap_or_default();
            let reason = reason.trim_start_matches("error: ").to_owned();
            ExpressionError::new(right.span.clone(), Problem::Regex(reason))
        })
}
