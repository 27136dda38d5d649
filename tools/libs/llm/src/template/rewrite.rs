//! The form of a template that is compiled.
//!
//! Operators that make longer values from shorter ones become calls of functions that count memory, every `set` checks what it keeps,
//! and text between tags becomes an expression, so that all output is counted. Every literal passes through `mark`, which tells what a
//! template writes itself from what it was given.

use minijinja::machinery::ast::{self, BinOpKind, CallArg, Expr, Spanned, Stmt};
use minijinja::machinery::{Span, Token, parse, tokenize};
use minijinja::syntax::SyntaxConfig;

use super::guarded::{KEPT, SUM, TEXT, TIMES};

/// The name of the template in its environment.
pub(super) const NAME: &str = "chat template";

/// A change of the source at a position, in bytes.
struct Edit {
    at: usize,
    /// The bytes that are replaced.
    length: usize,
    text: String,
}

/// The source to compile, or why the template is rejected.
pub(super) fn rewrite(
    source: &str,
    syntax: &SyntaxConfig,
    mark: &dyn Fn(&str) -> String,
) -> Result<String, minijinja::Error> {
    let tree = parse(source, NAME, syntax.clone())?;
    let tokens: Vec<(Token<'_>, Span)> = tokenize(source, false, syntax.clone()).collect::<Result<_, _>>()?;
    let mut edits = Edits {
        tokens: &tokens,
        edits: Vec::new(),
    };
    edits.statement(&tree);
    for (token, span) in &tokens {
        if matches!(token, Token::Str(_) | Token::String(_)) {
            let range = span.start_offset as usize..span.end_offset as usize;
            let marked = mark(&source[range.clone()]);
            if marked != source[range.clone()] {
                edits.edits.push(Edit {
                    at: range.start,
                    length: range.len(),
                    text: marked,
                });
            }
        }
    }
    // Stable, so that the brackets of an expression stay around those of its parts.
    edits.edits.sort_by_key(|edit| edit.at);
    Ok(assemble(source, &tokens, &edits.edits, mark))
}

/// Puts tags and texts together. Lines keep their numbers, for the sake of messages.
fn assemble(
    source: &str,
    tokens: &[(Token<'_>, Span)],
    edits: &[Edit],
    mark: &dyn Fn(&str) -> String,
) -> String {
    let mut out = String::with_capacity(source.len() + source.len() / 2);
    let mut line = 1;
    let mut next = 0;
    let mut start = 0;
    for (token, span) in tokens {
        match token {
            Token::TemplateData(text) => {
                let text = mark(text);
                let mut literal = String::from("{{");
                pad(&mut literal, &mut line, span.start_line);
                literal.push('"');
                for c in text.chars() {
                    match c {
                        '\\' => literal.push_str("\\\\"),
                        '"' => literal.push_str("\\\""),
                        '\n' => literal.push_str("\\n"),
                        '\r' => literal.push_str("\\r"),
                        c => literal.push(c),
                    }
                }
                literal.push_str("\"}}");
                out.push_str(&literal);
            }
            Token::VariableStart | Token::BlockStart => {
                start = span.start_offset as usize;
                // The tag's sign, and the one for white space.
                let sign = source.as_bytes().get(start + 2);
                let opened = start + 2 + usize::from(matches!(sign, Some(b'-' | b'+')));
                out.push_str(&source[start..opened]);
                pad(&mut out, &mut line, span.start_line);
                start = opened;
            }
            Token::VariableEnd | Token::BlockEnd => {
                let end = span.end_offset as usize;
                // The lexer counts the white space that a sign removes as a part of the tag.
                let close = source[span.start_offset as usize..end]
                    .find('}')
                    .map_or(end, |at| span.start_offset as usize + at + 1);
                let close = if source[close..end].starts_with('}') {
                    close + 1
                } else {
                    close
                };
                let mut at = start;
                while let Some(edit) = edits.get(next).filter(|edit| edit.at < close) {
                    next += 1;
                    out.push_str(&source[at..edit.at]);
                    out.push_str(&edit.text);
                    at = edit.at + edit.length;
                }
                out.push_str(&source[at..close]);
                line += source[start..close].matches('\n').count();
            }
            _ => {}
        }
    }
    out
}

/// Adds the lines that are missing before this one.
fn pad(out: &mut String, line: &mut usize, wanted: u16) {
    while *line < usize::from(wanted) {
        out.push('\n');
        *line += 1;
    }
}

struct Edits<'a, 's> {
    tokens: &'a [(Token<'s>, Span)],
    edits: Vec<Edit>,
}

impl Edits<'_, '_> {
    fn insert(&mut self, at: u32, text: &str) {
        self.edits.push(Edit {
            at: at as usize,
            length: 0,
            text: text.to_owned(),
        });
    }

    /// The first token of this kind from a position on.
    fn token(&self, from: u32, is: impl Fn(&Token<'_>) -> bool) -> Option<Span> {
        let first = self.tokens.partition_point(|(_, span)| span.start_offset < from);
        self.tokens[first..]
            .iter()
            .find(|(token, _)| is(token))
            .map(|(_, span)| *span)
    }

    fn statements(&mut self, statements: &[Stmt<'_>]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::ForLoop(block) => {
                self.expression(&block.iter);
                self.expressions(&block.filter_expr);
                self.statements(&block.body);
                self.statements(&block.else_body);
            }
            Stmt::IfCond(block) => {
                self.expression(&block.expr);
                self.statements(&block.true_body);
                self.statements(&block.false_body);
            }
            Stmt::WithBlock(block) => {
                self.expressions(block.assignments.iter().map(|(_, value)| value));
                self.statements(&block.body);
            }
            Stmt::Set(set) => self.set(set),
            Stmt::SetBlock(block) => {
                self.expressions(&block.filter);
                self.statements(&block.body);
            }
            Stmt::AutoEscape(block) => {
                self.expression(&block.enabled);
                self.statements(&block.body);
            }
            Stmt::FilterBlock(block) => {
                self.expression(&block.filter);
                self.statements(&block.body);
            }
            Stmt::Block(block) => self.statements(&block.body),
            Stmt::Import(import) => self.expression(&import.expr),
            Stmt::FromImport(import) => self.expression(&import.expr),
            Stmt::Extends(extends) => self.expression(&extends.name),
            Stmt::Include(include) => self.expression(&include.name),
            Stmt::Macro(definition) => {
                self.expressions(&definition.defaults);
                self.statements(&definition.body);
            }
            Stmt::CallBlock(block) => {
                self.arguments(&block.call.args);
                self.expressions(&block.macro_decl.defaults);
                self.statements(&block.macro_decl.body);
            }
            Stmt::Do(call) => {
                self.expression(&call.call.expr);
                self.arguments(&call.call.args);
            }
            Stmt::EmitRaw(_) | Stmt::Continue(_) | Stmt::Break(_) => {}
        }
    }

    fn set(&mut self, set: &Spanned<ast::Set<'_>>) {
        let from = set.span().start_offset;
        if let Some(sign) = self.token(from, |token| matches!(token, Token::Assign)) {
            self.insert(sign.end_offset, &format!(" {KEPT}("));
            self.expression(&set.expr);
            self.insert(set.span().end_offset, ")");
        }
    }

    fn expressions<'e, 's: 'e>(&mut self, expressions: impl IntoIterator<Item = &'e Expr<'s>>) {
        for expression in expressions {
            self.expression(expression);
        }
    }

    fn arguments(&mut self, arguments: &[CallArg<'_>]) {
        for argument in arguments {
            match argument {
                CallArg::Pos(value)
                | CallArg::Kwarg(_, value)
                | CallArg::PosSplat(value)
                | CallArg::KwargSplat(value) => self.expression(value),
            }
        }
    }

    fn expression(&mut self, expression: &Expr<'_>) {
        match expression {
            Expr::Var(_) | Expr::Const(_) => {}
            Expr::Slice(slice) => {
                self.expression(&slice.expr);
                self.expressions(slice.start.iter().chain(&slice.stop).chain(&slice.step));
                // As a method, since the beginning of the sliced expression is not known.
                self.insert(slice.span().end_offset, &format!(".{KEPT}()"));
            }
            Expr::UnaryOp(operation) => self.expression(&operation.expr),
            Expr::BinOp(operation) => self.operation(operation),
            Expr::Compare(comparison) => {
                self.expression(&comparison.expr);
                self.expressions(comparison.ops.iter().map(|op| &op.expr));
            }
            Expr::IfExpr(choice) => {
                self.expression(&choice.true_expr);
                self.expression(&choice.test_expr);
                self.expressions(&choice.false_expr);
            }
            Expr::Filter(filter) => {
                self.expressions(&filter.expr);
                self.arguments(&filter.args);
            }
            Expr::Test(test) => {
                self.expression(&test.expr);
                self.arguments(&test.args);
            }
            Expr::GetAttr(attribute) => self.expression(&attribute.expr),
            Expr::GetItem(item) => {
                self.expression(&item.expr);
                self.expression(&item.subscript_expr);
            }
            Expr::Call(call) => {
                self.expression(&call.expr);
                self.arguments(&call.args);
            }
            Expr::List(list) => self.expressions(&list.items),
            Expr::Tuple(tuple) => self.expressions(&tuple.items),
            Expr::Map(map) => {
                self.expressions(&map.keys);
                self.expressions(&map.values);
            }
        }
    }

    fn operation(&mut self, operation: &Spanned<ast::BinOp<'_>>) {
        let Some((name, sign)) = function(operation.op) else {
            self.expression(&operation.left);
            self.expression(&operation.right);
            return;
        };
        let span = operation.span();
        self.insert(span.start_offset, &format!("{name}("));
        self.operands(operation, sign);
        self.insert(span.end_offset, ")");
    }

    /// Makes the operands of `+` or `~` the arguments of one call: a sum of many texts is made at once. Those in brackets, and of `*`,
    /// are made first.
    fn operands(&mut self, operation: &Spanned<ast::BinOp<'_>>, sign: &str) {
        match &operation.left {
            Expr::BinOp(left)
                if sign != "*"
                    && function(left.op).is_some_and(|(_, other)| other == sign)
                    && left.span().start_offset == operation.span().start_offset =>
            {
                self.operands(left, sign);
            }
            left => self.expression(left),
        }
        let is = |token: &Token<'_>| {
            matches!(
                (token, sign),
                (Token::Plus, "+") | (Token::Tilde, "~") | (Token::Mul, "*")
            )
        };
        if let Some(sign) = self.token(operation.left.span().end_offset, is) {
            self.edits.push(Edit {
                at: sign.start_offset as usize,
                length: 1,
                text: ",".to_owned(),
            });
        }
        self.expression(&operation.right);
    }
}

/// The function that stands for an operator, and its sign.
fn function(op: BinOpKind) -> Option<(&'static str, &'static str)> {
    match op {
        BinOpKind::Add => Some((SUM, "+")),
        BinOpKind::Concat => Some((TEXT, "~")),
        BinOpKind::Mul => Some((TIMES, "*")),
        _ => None,
    }
}
