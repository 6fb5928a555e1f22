//! `OVER (w ORDER BY x)`: a named window with something added, which the engine takes for the addition alone.

use super::super::parser::fold;
use super::level;
use datafusion::sql::sqlparser::ast::{Expr, NamedWindowDefinition, NamedWindowExpr, Select, WindowSpec, WindowType};

/// Writes what a window's name stands for where something is added to it.
pub fn spell_out(select: &mut Select) {
    if select.named_window.is_empty() {
        return;
    }
    let named = select.named_window.clone();
    for item in &mut select.projection {
        level::change(item, |expression| {
            if let Expr::Function(function) = expression
                && let Some(WindowType::WindowSpec(spec)) = &mut function.over
            {
                take(spec, &named, 0);
            }
        });
    }
}

fn take(spec: &mut WindowSpec, named: &[NamedWindowDefinition], depth: usize) {
    let Some(name) = &spec.window_name else { return };
    let found = named.iter().find(|NamedWindowDefinition(other, _)| fold(other) == fold(name));
    // A window may be defined over another; in a circle they are an error of the engine's.
    let Some(NamedWindowDefinition(_, NamedWindowExpr::WindowSpec(base))) = found.filter(|_| depth < named.len())
    else {
        return;
    };
    let mut base = base.clone();
    take(&mut base, named, depth + 1);
    spec.partition_by = base.partition_by;
    if spec.order_by.is_empty() {
        spec.order_by = base.order_by;
    }
    spec.window_frame = spec.window_frame.take().or(base.window_frame);
    spec.window_name = None;
}
