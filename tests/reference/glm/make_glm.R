# Maximum likelihood figures: stats::glm at epsilon = 1e-14, sandwich::vcovHC, profile-likelihood ends by uniroot.
#
#     python ../data/make_data.py      once: writes data/local (Spector and Fair, from statsmodels)
#     Rscript make_glm.R               writes glm.json beside this script
#
# Layout of glm.json and every convention: ../README.md.

suppressPackageStartupMessages(library(sandwich))

here <- dirname(normalizePath(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1])))
source(file.path(here, "..", "json.R"))
data_dir <- file.path(here, "..", "data")
TIGHT <- glm.control(epsilon = 1e-14, maxit = 100)
LEVEL <- 0.95
HEAD <- 10L

# ---- the cases ------------------------------------------------------------------------------------------------
# formula: problogit's (formulaic's) syntax, with terms as formulaic names them; rhs: the same in R's syntax;
# y: R expression of the 0/1 response (or the count, with trials).
case <- function(name, data, formula, rhs, y, terms, event = NULL, trials = NULL, weights = NULL,
                 weights_type = NULL, offset = NULL, note = NULL, relation = NULL) {
  list(name = name, data = data, formula = formula, rhs = rhs, y = y, terms = terms, event = event,
       trials = trials, weights = weights, weights_type = weights_type, offset = offset, note = note,
       relation = relation)
}

CASES <- list(
  case("spector", "statsmodels:spector", "GRADE ~ GPA + TUCE + PSI", "GPA + TUCE + PSI", "GRADE",
       c("Intercept", "GPA", "TUCE", "PSI")),
  case("affairs", "statsmodels:fair", "I(affairs > 0) ~ rate_marriage + age * yrs_married + religious",
       "rate_marriage + age * yrs_married + religious", "as.integer(affairs > 0)",
       c("Intercept", "rate_marriage", "age", "yrs_married", "religious", "age:yrs_married")),
  case("wells", "wells", "switched ~ dist + arsenic + assoc + educ", "dist + arsenic + assoc + educ", "switched",
       c("Intercept", "dist", "arsenic", "assoc", "educ")),
  case("wells_scaled", "wells", "switched ~ dist_e7 + arsenic_em4 + assoc + educ",
       "dist_e7 + arsenic_em4 + assoc + educ", "switched",
       c("Intercept", "dist_e7", "arsenic_em4", "assoc", "educ"),
       note = "dist times 1e7 and arsenic times 1e-4, exactly (decimal text): the coefficients divide by the factors",
       relation = list(kind = "rescale", of = "wells", factors = c(1, 1e7, 1e-4, 1, 1))),
  case("wells_interaction", "wells", "switched ~ dist100 * arsenic + C(assoc) + educ4",
       "dist100 * arsenic + factor(assoc) + educ4", "switched",
       c("Intercept", "dist100", "arsenic", "C(assoc)[T.1]", "educ4", "dist100:arsenic")),
  case("nes_income", "nes_logit", "vote ~ income", "income", "vote", c("Intercept", "income"),
       note = "1179 rows, five covariate patterns"),
  case("dogs", "dogs", "y ~ n_avoid + n_shock", "n_avoid + n_shock", "y", c("Intercept", "n_avoid", "n_shock")),
  case("german_credit", "german_credit", paste("bad ~", paste0("x", 1:24, collapse = " + ")),
       paste0("x", 1:24, collapse = " + "), "bad", c("Intercept", paste0("x", 1:24))),
  case("breast_cancer", "breast_cancer", "malignant ~ radius + perimeter + texture + smoothness",
       "radius + perimeter + texture + smoothness", "malignant",
       c("Intercept", "radius", "perimeter", "texture", "smoothness"),
       note = "radius and perimeter correlate at 0.998"),
  case("collinear", "collinear", "y ~ x1 + x2 + x3", "x1 + x2 + x3", "y", c("Intercept", "x1", "x2", "x3"),
       note = "simulated; x2 = x1 + 1e-4 noise, condition number about 3e4"),
  case("binomial_counts", "glm_binomial", "successes ~ year + I(year ** 2)", "year + I(year^2)", "successes",
       c("Intercept", "year", "I(year ** 2)"), trials = "trials"),
  case("seeds", "seeds", "germinated ~ C(variety, contr.treatment(\"old\")) * extract + temperature",
       "relevel(factor(variety), \"old\") * extract + temperature", "germinated",
       c("Intercept", "C(variety, contr.treatment('old'))[T.new]", "extract[T.cucumber]", "temperature",
         "C(variety, contr.treatment('old'))[T.new]:extract[T.cucumber]"), trials = "planted"),
  case("clinic", "clinic", "outcome ~ arm * smoker + age", "arm * smoker + age",
       "as.integer(outcome == \"relapse\")",
       c("Intercept", "arm[T.high]", "arm[T.low]", "smoker", "age", "arm[T.high]:smoker", "arm[T.low]:smoker"),
       event = "relapse"),
  case("clinic_no_intercept", "clinic", "outcome ~ 0 + arm + age + arm:age", "0 + arm + age + arm:age",
       "as.integer(outcome == \"relapse\")",
       c("arm[control]", "arm[high]", "arm[low]", "age", "arm[T.high]:age", "arm[T.low]:age"), event = "relapse"),
  case("clinic_offset", "clinic", "outcome ~ arm + age", "arm + age", "as.integer(outcome == \"relapse\")",
       c("Intercept", "arm[T.high]", "arm[T.low]", "age"), event = "relapse", offset = "dose"),
  case("clinic_offset_50", "clinic", "outcome ~ arm + age", "arm + age", "as.integer(outcome == \"relapse\")",
       c("Intercept", "arm[T.high]", "arm[T.low]", "age"), event = "relapse", offset = "dose_50",
       note = "the offset of clinic_offset plus 50: the intercept moves by -50, nothing else changes",
       relation = list(kind = "shift", of = "clinic_offset", shift = c(-50, 0, 0, 0))),
  case("clinic_importance", "clinic", "outcome ~ arm + age + smoker", "arm + age + smoker",
       "as.integer(outcome == \"relapse\")", c("Intercept", "arm[T.high]", "arm[T.low]", "age", "smoker"),
       event = "relapse", weights = "weight", weights_type = "importance",
       note = "fractional weights multiply the log-likelihood as given"),
  case("survey_frequency", "survey", "vote ~ region + owner * income", "region + owner * income", "vote",
       c("Intercept", "region[T.north]", "region[T.south]", "owner", "income", "owner:income"),
       weights = "count", weights_type = "frequency",
       note = "figures are those of the table with every row repeated count times; one row has count 0")
)

# ---- helpers --------------------------------------------------------------------------------------------------
load_case <- function(x) {
  parts <- strsplit(x$data, ":", fixed = TRUE)[[1]]
  file <- if (length(parts) == 2) file.path(data_dir, "local", paste0(parts[2], ".csv"))
          else file.path(data_dir, paste0(parts[1], ".csv"))
  read.csv(file, stringsAsFactors = FALSE)
}

# The arrays of a case: y = successes, m = trials, w = prior weights of the row, frequency rows repeated.
prepare <- function(x) {
  df <- load_case(x)
  rows <- seq_len(nrow(df))
  if (identical(x$weights_type, "frequency")) rows <- rep(rows, df[[x$weights]])
  df <- df[rows, , drop = FALSE]
  rownames(df) <- NULL
  list(df = df, rows = rows,
       y = eval(parse(text = x$y), df),
       m = if (is.null(x$trials)) rep(1, nrow(df)) else df[[x$trials]],
       w = if (identical(x$weights_type, "importance")) df[[x$weights]] else rep(1, nrow(df)),
       offset = if (is.null(x$offset)) rep(0, nrow(df)) else df[[x$offset]])
}

fit_case <- function(x, d) {
  frame <- d$df
  frame$.p <- d$y / d$m
  frame$.m <- d$m * d$w
  frame$.offset <- d$offset
  formula <- as.formula(paste(".p ~", x$rhs))
  run <- function(start) {
    arguments <- list(formula, family = binomial(), data = frame, weights = frame$.m, start = start,
                      offset = frame$.offset, control = TIGHT)
    suppressWarnings(do.call(glm, arguments)) # fractional weights: "non-integer #successes"
  }
  first <- run(NULL)
  fit <- run(unname(coef(first))) # vcov() uses the weights of the step before: a refit from the optimum makes them exact
  stopifnot(first$converged, fit$converged, fit$rank == length(coef(fit)))
  fit
}

# The fit with coefficient j held at t: the deviance and the linear predictor. Damped Newton by QR, because IRLS without
# step-halving diverges for some of these. Start: on the ridge of the likelihood through the free optimum, or where the
# linear predictor is small, whichever is better.
restricted <- function(d, X, fit, j, t) {
  offset <- d$offset + X[, j] * t
  size <- d$m * d$w
  deviance_at <- function(eta) -2 * kernel(d, eta) # up to a constant
  if (ncol(X) == 1L) return(list(deviance = deviance_at(offset), eta = offset))
  rest <- X[, -j, drop = FALSE]
  b <- unname(coef(fit))
  V <- unname(vcov(fit))
  starts <- list(b[-j] + V[-j, j] / V[j, j] * (t - b[j]), qr.coef(qr(rest, LAPACK = TRUE), -offset))
  g <- starts[[which.min(sapply(starts, function(g) deviance_at(drop(rest %*% g) + offset)))]]
  eta <- drop(rest %*% g) + offset
  for (iteration in 1:100) {
    root <- sqrt(size * plogis(eta) * plogis(-eta))
    decomposition <- qr(root * rest, LAPACK = TRUE)
    z <- ifelse(root > 0, residual(d, eta) / root, 0)
    decrement <- sum(qr.qty(decomposition, z)[seq_len(ncol(rest))]^2)
    if (decrement < 1e-22) break
    step <- qr.coef(decomposition, z)
    size_of_step <- 1
    before <- deviance_at(eta)
    while (deviance_at(drop(rest %*% (g + size_of_step * step)) + offset) > before * (1 + 1e-14) && size_of_step > 1e-6) {
      size_of_step <- size_of_step / 2
    }
    g <- g + size_of_step * step
    eta <- drop(rest %*% g) + offset
  }
  if (!(decrement < 1e-16)) stop("restricted fit: decrement ", decrement, " for coefficient ", j)
  # the deviance is off by no more
  list(deviance = deviance_at(eta), eta = eta)
}

# One end of the profile interval, solved for u in t = estimate + u * standard error.
profile_end <- function(d, X, fit, j, side) {
  b <- unname(coef(fit))[j]
  se <- sqrt(vcov(fit)[j, j])
  lowest <- -2 * kernel(d, fit$linear.predictors)
  excess <- function(u) restricted(d, X, fit, j, b + u * se)$deviance - lowest - qchisq(LEVEL, 1)
  u <- uniroot(excess, side * c(1, 3), extendInt = if (side > 0) "upX" else "downX", tol = 1e-13, maxiter = 200)
  b + u$root * se
}

# Score statistic of "coefficient j = 0": U^2 / (I_jj - I_jr I_rr^-1 I_rj) at the restricted fit.
score_statistic <- function(d, X, fit, j) {
  eta <- restricted(d, X, fit, j, 0)$eta
  root <- sqrt(d$w * d$m * plogis(eta) * plogis(-eta))
  z <- root * X[, j]
  if (ncol(X) > 1L) z <- qr.resid(qr(root * X[, -j, drop = FALSE], tol = 0), z)
  sum(residual(d, eta) * X[, j])^2 / sum(z^2)
}

# w (y - m mu), without cancellation where mu is near 0 or 1.
residual <- function(d, eta) d$w * (d$y * plogis(-eta) - (d$m - d$y) * plogis(eta))

null_kernel <- function(d, intercept) {
  X <- matrix(1, length(d$y), 1)
  eta <- d$offset
  if (intercept) {
    fit <- suppressWarnings(glm.fit(X, d$y / d$m, weights = d$m * d$w, family = binomial(), offset = d$offset,
                                    control = TIGHT))
    eta <- eta + fit$coefficients
  }
  kernel(d, eta)
}

kernel <- function(d, eta) sum(d$w * (d$y * plogis(eta, log.p = TRUE) + (d$m - d$y) * plogis(-eta, log.p = TRUE)))

# ---- one case -------------------------------------------------------------------------------------------------
figures <- function(x) {
  d <- prepare(x)
  fit <- fit_case(x, d)
  X <- model.matrix(fit)
  stopifnot(ncol(X) == length(x$terms))
  b <- unname(coef(fit))
  V <- unname(vcov(fit))
  se <- sqrt(diag(V))
  ll_kernel <- kernel(d, fit$linear.predictors)
  constant <- sum(d$w * lchoose(d$m, d$y))
  loglik <- ll_kernel + constant
  integer_weights <- !identical(x$weights_type, "importance")
  if (integer_weights) stopifnot(abs(loglik - as.numeric(logLik(fit))) < 1e-9 * abs(loglik))
  null <- null_kernel(d, TRUE)
  k <- length(b)
  n <- length(d$y)
  bernoulli <- is.null(x$trials) && integer_weights
  mu <- unname(fitted(fit))
  head_rows <- which(!duplicated(d$rows))[seq_len(min(HEAD, length(unique(d$rows))))]
  h <- unname(hatvalues(fit))
  se_eta <- sqrt(h / weights(fit, "working"))[head_rows] # x'Vx without the cancellation
  profile <- t(sapply(seq_len(k), function(j) c(profile_end(d, X, fit, j, -1), profile_end(d, X, fit, j, 1))))
  lr <- sapply(seq_len(k), function(j) restricted(d, X, fit, j, 0)$deviance + 2 * ll_kernel)
  hc <- lapply(c(HC0 = "HC0", HC1 = "HC1", HC2 = "HC2", HC3 = "HC3"), function(type) unname(vcovHC(fit, type = type)))
  frame <- load_case(x)
  numeric_columns <- names(frame)[sapply(frame, is.numeric)]
  list(
    name = x$name, data = x$data, formula = x$formula, event = x$event, trials = x$trials, weights = x$weights,
    weights_type = x$weights_type, offset = x$offset, note = x$note, relation = x$relation,
    r_formula = paste("response ~", x$rhs), r_terms = I(colnames(X)),
    data_check = list(rows = nrow(frame), sums = as.list(colSums(frame[numeric_columns]))),
    terms = I(x$terms), nobs = n, n_trials = sum(d$m), n_events = sum(d$y), df_model = k,
    coef = I(b), se = I(se), z = I(b / se), p_value = I(2 * pnorm(-abs(b / se))), vcov = V,
    wald = unname(cbind(b - qnorm((1 + LEVEL) / 2) * se, b + qnorm((1 + LEVEL) / 2) * se)),
    profile = unname(profile), lr_statistic = I(lr),
    score_statistic = I(sapply(seq_len(k), function(j) score_statistic(d, X, fit, j))),
    loglik = loglik, loglik_kernel = ll_kernel, null_loglik = null + constant, null_loglik_kernel = null,
    deviance = deviance(fit), null_deviance = fit$null.deviance,
    null_deviance_intercept_only = deviance(fit) + 2 * (ll_kernel - null),
    aic = 2 * k - 2 * loglik, bic = if (integer_weights) log(n) * k - 2 * loglik else NULL,
    mcfadden = 1 - ll_kernel / null,
    nagelkerke = if (bernoulli) (1 - exp(2 * (null - ll_kernel) / n)) / (1 - exp(2 * null / n)) else NULL,
    tjur = if (bernoulli) mean(mu[d$y == 1]) - mean(mu[d$y == 0]) else NULL,
    hc = hc, hc_se = lapply(hc, function(M) I(sqrt(diag(M)))),
    rows = list(position = I(d$rows[head_rows] - 1L), eta = I(unname(fit$linear.predictors)[head_rows]),
                eta_se = I(unname(se_eta)), probability = I(mu[head_rows]), leverage = I(h[head_rows]))
  )
}

wanted <- commandArgs(TRUE) # names of cases: print instead of writing
if (length(wanted) > 0) CASES <- Filter(function(x) x$name %in% wanted, CASES)
results <- lapply(CASES, function(x) {
  message(x$name)
  figures(x)
})
made_with <- list(r = R.version.string, sandwich = as.character(packageVersion("sandwich")), epsilon = 1e-14,
                  level = LEVEL)
text <- to_json(list(made_with = made_with, cases = results))
if (length(wanted) > 0) cat(text) else writeLines(text, file.path(here, "glm.json"))
