# Firth's penalized likelihood: brglm2 (mean bias reduction) for the estimates, and our own profiles in R.
#
#     Rscript make_firth.R             writes firth.json beside this script
#
# brglm2 has no profile intervals and no penalized likelihood-ratio tests, so these come from a restricted maximisation
# of log-likelihood + 0.5 log det X'WX (the information always of the full design: the definition of logistf) and uniroot.
# The estimates are those of the same maximisation, which is compared with brglm2 here wherever brglm2 converges.
# Layout and conventions: ../README.md.

suppressPackageStartupMessages(library(brglm2))

here <- dirname(normalizePath(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1])))
source(file.path(here, "..", "json.R"))
data_dir <- file.path(here, "..", "data")
LEVEL <- 0.95

case <- function(name, data, formula, rhs, y, terms, term = NULL, event = NULL, trials = NULL, weights = NULL,
                 weights_type = NULL, offset = NULL, note = NULL) {
  list(name = name, data = data, formula = formula, rhs = rhs, y = y, terms = terms, term = term, event = event,
       trials = trials, weights = weights, weights_type = weights_type, offset = offset, note = note)
}

CASES <- list(
  case("endometrial", "endometrial", "HG ~ NV + PI + EH", "NV + PI + EH", "HG", c("Intercept", "NV", "PI", "EH"),
       note = "separated by NV"),
  case("endometrial_all_events", "endometrial_events", "HG ~ PI + EH", "PI + EH", "HG", c("Intercept", "PI", "EH"),
       note = "the 13 rows with NV = 1: a constant response"),
  case("sex2", "sex2", "case ~ age + oc + vic + vicl + vis + dia", "age + oc + vic + vicl + vis + dia", "case",
       c("Intercept", "age", "oc", "vic", "vicl", "vis", "dia"), weights = "count", weights_type = "frequency",
       note = "separated by dia"),
  case("rare_level", "rare_level", "y ~ group + x", "group + x", "y", c("Intercept", "group[T.b]", "group[T.c]", "x"),
       term = "group", note = "separated by group c: 2 rows of 200"),
  case("rare_level_alone", "rare_level", "y ~ group", "group", "y", c("Intercept", "group[T.b]", "group[T.c]"),
       term = "group", note = "separated by group c: 2 rows of 200"),
  case("spector", "statsmodels:spector", "GRADE ~ GPA + TUCE + PSI", "GPA + TUCE + PSI", "GRADE",
       c("Intercept", "GPA", "TUCE", "PSI")),
  case("seeds", "seeds", "germinated ~ C(variety, contr.treatment(\"old\")) * extract + temperature",
       "relevel(factor(variety), \"old\") * extract + temperature", "germinated",
       c("Intercept", "C(variety, contr.treatment('old'))[T.new]", "extract[T.cucumber]", "temperature",
         "C(variety, contr.treatment('old'))[T.new]:extract[T.cucumber]"), trials = "planted"),
  case("clinic_offset", "clinic", "outcome ~ arm + age", "arm + age", "as.integer(outcome == \"relapse\")",
       c("Intercept", "arm[T.high]", "arm[T.low]", "age"), term = "arm", event = "relapse", offset = "dose"),
  case("clinic_no_intercept", "clinic", "outcome ~ 0 + arm + age", "0 + arm + age", "as.integer(outcome == \"relapse\")",
       c("arm[control]", "arm[high]", "arm[low]", "age"), event = "relapse"),
  case("wells_scaled", "wells", "switched ~ dist_e7 + arsenic_em4 + assoc + educ",
       "dist_e7 + arsenic_em4 + assoc + educ", "switched",
       c("Intercept", "dist_e7", "arsenic_em4", "assoc", "educ"))
)

load_case <- function(x) {
  parts <- strsplit(x$data, ":", fixed = TRUE)[[1]]
  file <- if (length(parts) == 2) file.path(data_dir, "local", paste0(parts[2], ".csv"))
          else file.path(data_dir, paste0(parts[1], ".csv"))
  read.csv(file, stringsAsFactors = FALSE)
}

prepare <- function(x) {
  df <- load_case(x)
  rows <- seq_len(nrow(df))
  if (identical(x$weights_type, "frequency")) rows <- rep(rows, df[[x$weights]])
  df <- df[rows, , drop = FALSE]
  X <- model.matrix(as.formula(paste("~", x$rhs)), df)
  list(df = df, X = unname(X), assign = attr(X, "assign"), labels = attr(terms(as.formula(paste("~", x$rhs))), "term.labels"),
       y = eval(parse(text = x$y), df), m = if (is.null(x$trials)) rep(1, nrow(df)) else df[[x$trials]],
       offset = if (is.null(x$offset)) rep(0, nrow(df)) else df[[x$offset]])
}

log1pexp <- function(x) pmax(x, 0) + log1p(exp(-abs(x)))
kernel <- function(d, eta) sum(-d$y * log1pexp(-eta) - (d$m - d$y) * log1pexp(eta))

# Everything happens in orthonormal columns Q (X = Q R), so that units do not matter; values differ by a constant.
at <- function(d, Q, g) {
  eta <- drop(Q %*% g) + d$offset
  p <- plogis(eta)
  w <- d$m * p * plogis(-eta)
  decomposition <- qr(sqrt(w) * Q, LAPACK = TRUE)
  h <- rowSums(qr.Q(decomposition)^2)
  list(value = kernel(d, eta) + sum(log(abs(diag(qr.R(decomposition))))), kernel = kernel(d, eta),
       gradient = drop(crossprod(Q, d$y - d$m * p + h * (0.5 - p))), information = crossprod(Q, w * Q))
}

# Maximum over g0 + B u, by scoring with the information, halved until the value rises.
climb <- function(d, Q, g, B = diag(ncol(Q))) {
  now <- at(d, Q, g)
  for (iteration in 1:5000) {
    slope <- drop(crossprod(B, now$gradient))
    step <- drop(B %*% solve(crossprod(B, now$information %*% B), slope))
    decrement <- sqrt(sum(step * now$gradient))
    if (decrement < 1e-11) break
    size <- 1
    repeat {
      then <- at(d, Q, g + size * step)
      if (is.finite(then$value) && then$value >= now$value - 1e-13 * abs(now$value)) break
      size <- size / 2
      if (size < 1e-10) break
    }
    g <- g + size * step
    now <- then
  }
  stopifnot(decrement < 1e-8)
  c(list(g = g, decrement = decrement), now)
}

without <- function(K) if (nrow(K) == ncol(K)) NULL else qr.Q(qr(t(K)), complete = TRUE)[, -seq_len(nrow(K)), drop = FALSE]

profile_value <- function(d, Q, c, t, from) {
  g <- from + c * (t - sum(c * from)) / sum(c^2)
  if (length(c) == 1) c(list(g = g), at(d, Q, g)) else climb(d, Q, g, without(t(c)))
}

profile_end <- function(d, Q, top, c, side) {
  level <- top$value - qchisq(LEVEL, 1) / 2
  centre <- sum(c * top$g)
  unit <- sqrt(drop(c %*% solve(top$information, c)))
  last <- top$g
  above <- function(t) {
    found <- profile_value(d, Q, c, t, last)
    last <<- found$g
    found$value - level
  }
  far <- 1.5
  while (above(centre + side * far * unit) > 0) far <- far + 0.5
  uniroot(function(s) above(centre + side * s * unit), c(if (far > 1.5) far - 0.5 else 0, far), tol = 1e-11)$root -> s
  centre + side * s * unit
}

run <- function(x) {
  d <- prepare(x)
  decomposition <- qr(d$X)
  Q <- qr.Q(decomposition)
  R <- qr.R(decomposition)[, order(decomposition$pivot)]
  k <- ncol(d$X)
  start <- rep(0, k)
  top <- climb(d, Q, start)
  coef <- drop(solve(R, top$g))
  V <- solve(R) %*% solve(top$information) %*% t(solve(R))
  frame <- d$df
  frame$.p <- d$y / d$m
  frame$.m <- d$m
  frame$.offset <- d$offset
  arguments <- list(as.formula(paste(".p ~", x$rhs)), family = binomial(), data = frame, weights = frame$.m,
                    offset = frame$.offset, method = "brglmFit", type = "AS_mean", epsilon = 1e-12, maxit = 5000)
  fit <- tryCatch(suppressWarnings(do.call(glm, arguments)), error = function(e) NULL)
  agrees <- !is.null(fit) && fit$converged && max(abs(unname(coef(fit)) - coef) / sqrt(diag(V))) < 1e-7
  cat(x$name, if (agrees) "agrees with brglm2" else "brglm2 does not converge", "\n")
  C <- solve(R) # row j gives coefficient j from g
  ends <- t(sapply(seq_len(k), function(j) c(profile_end(d, Q, top, C[j, ], -1), profile_end(d, Q, top, C[j, ], 1))))
  ratio <- function(columns) {
    K <- C[columns, , drop = FALSE]
    from <- top$g - drop(t(K) %*% solve(K %*% t(K), K %*% top$g))
    B <- without(K)
    small <- if (is.null(B)) at(d, Q, from) else climb(d, Q, from, B)
    2 * (top$value - small$value)
  }
  single <- sapply(seq_len(k), ratio)
  tested <- NULL
  if (!is.null(x$term)) {
    columns <- which(d$assign == match(x$term, d$labels))
    tested <- list(term = x$term, df = length(columns), lr_statistic = ratio(columns))
  }
  eta <- drop(d$X %*% coef) + d$offset
  constant <- if (is.null(x$trials)) 0 else sum(lchoose(d$m, d$y))
  flic <- NULL
  if (x$terms[1] == "Intercept" && length(unique(d$y / d$m)) > 1) {
    outcome <- cbind(d$y, d$m - d$y)
    slopes <- eta - coef[1]
    flic <- unname(coef(glm(outcome ~ 1 + offset(slopes), family = binomial(), control = glm.control(epsilon = 1e-15, maxit = 100))))
  }
  list(name = x$name, data = x$data, formula = x$formula, event = x$event, trials = x$trials, weights = x$weights,
       weights_type = x$weights_type, offset = x$offset, note = x$note, terms = I(x$terms), brglm2_agrees = agrees,
       coef = I(coef), se = I(sqrt(diag(V))), vcov = V, profile = ends, lr_statistic = I(single), tested = tested,
       loglik = top$kernel + constant, penalized_loglik = top$value + constant + sum(log(abs(diag(R)))), flic = flic)
}

made <- list(R = paste(R.version$major, R.version$minor, sep = "."), brglm2 = as.character(packageVersion("brglm2")))
writeLines(to_json(list(made_with = made, level = LEVEL, cases = lapply(CASES, run))), file.path(here, "firth.json"))
