# JSON with 17 significant digits (jsonlite stops at 15). I() keeps a vector of length one an array.

to_json <- function(x, indent = "") {
  deeper <- paste0(indent, " ")
  if (is.null(x)) return("null")
  if (is.matrix(x)) {
    rows <- apply(x, 1, function(row) paste0(deeper, "[", paste(scalar_json(row), collapse = ", "), "]"))
    return(paste0("[\n", paste(rows, collapse = ",\n"), "\n", indent, "]"))
  }
  if (is.list(x)) {
    items <- vapply(x, to_json, "", indent = deeper)
    if (is.null(names(x))) return(paste0("[\n", paste0(deeper, items, collapse = ",\n"), "\n", indent, "]"))
    return(paste0("{\n", paste0(deeper, quoted(names(x)), ": ", items, collapse = ",\n"), "\n", indent, "}"))
  }
  if (length(x) == 1L && !inherits(x, "AsIs")) return(scalar_json(x))
  paste0("[", paste(scalar_json(unclass(x)), collapse = ", "), "]")
}

scalar_json <- function(x) {
  if (is.character(x)) return(quoted(x))
  if (is.logical(x)) return(ifelse(x, "true", "false"))
  text <- sprintf("%.17g", x)
  short <- sprintf("%.15g", x)
  text <- ifelse(as.numeric(short) == x, short, text) # the short text where it is exact
  ifelse(is.nan(x) | is.na(x), "null", ifelse(is.infinite(x), ifelse(x > 0, '"Infinity"', '"-Infinity"'), text))
}

quoted <- function(x) paste0('"', gsub('"', '\\\\"', gsub("\\\\", "\\\\\\\\", x)), '"')
