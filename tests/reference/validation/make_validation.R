# Validation figures: rms::validate and rms::val.prob, and the same per resample from tightly converged fits.
#
#     Rscript make_validation.R        writes validation.json beside this script
#
# rms::validate draws its resamples by sample() alone, so that the same seed gives the resamples again: they are written
# out, as how often each row was drawn, and the figures of rms are checked here against those made from them. rms stops
# Newton's method early (deviance within 0.025, or as passed on), which is why both sets of figures are written.
#
# Layout of validation.json: ../README.md.

suppressPackageStartupMessages({library(rms)})

here <- dirname(normalizePath(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1])))
source(file.path(here, "..", "json.R"))
data_dir <- file.path(here, "..", "data")

log1pexp <- function(x) ifelse(x > 0, x + log1p(exp(-x)), log1p(exp(x)))

# Newton's method on sum(w (y eta - log(1 + exp(eta)))) - sum(penalty beta^2) / 2, from 0.
newton <- function(X, y, w, penalty = rep(0, ncol(X)), offset = rep(0, nrow(X))) {
  beta <- rep(0, ncol(X))
  for (step in 1:60) {
    p <- plogis(drop(X %*% beta) + offset)
    H <- crossprod(X * (w * p * (1 - p)), X) + diag(penalty, ncol(X))
    move <- solve(H, crossprod(X, w * (y - p)) - penalty * beta)
    beta <- beta + drop(move)
    if (max(abs(move)) < 1e-13 * (1 + max(abs(beta)))) break
  }
  list(beta = unname(beta), H = unname(H))
}

kernel <- function(eta, y, w) sum(w * (y * eta - log1pexp(eta)))

# Figures of log-odds eta for outcomes y, each counted w times.
figures <- function(eta, y, w) {
  n <- sum(w)
  rate <- sum(w * y) / n
  p <- plogis(eta)
  line <- newton(cbind(1, eta), y, w)$beta
  large <- newton(matrix(1, length(y)), y, w, offset = eta)$beta
  given <- kernel(eta, y, w)
  null <- n * (rate * log(rate) + (1 - rate) * log(1 - rate))
  best <- kernel(line[1] + line[2] * eta, y, w)
  some <- rep(seq_along(y), w)
  brier <- sum(w * (y - p)^2) / n
  D <- (2 * (best - null) - 1) / n
  U <- (2 * (best - given) - 2) / n
  c(brier = brier, scaled_brier = 1 - brier / (rate * (1 - rate)), log_score = -given / n,
    auc = somers2(eta[some], y[some])[["C"]], slope = line[2], intercept = large, joint_intercept = line[1],
    tjur = sum(w * y * p) / sum(w * y) - sum(w * (1 - y) * p) / sum(w * (1 - y)),
    nagelkerke = (1 - exp(2 * (null - given) / n)) / (1 - exp(2 * null / n)),
    discrimination = D, unreliability = U, quality = D - U)
}

# Standard deviations about the mean of what lies below and above it (Hmisc::dualSD).
two_sided <- function(x) {
  about <- function(part) sqrt(sum((part - mean(x))^2) / (length(part) - 1))
  c(about(x[x <= mean(x)]), about(x[x >= mean(x)]))
}

resampled <- function(X, y, counts, penalty) {
  fit <- function(w) newton(X, y, w, penalty)$beta
  once <- rep(1, length(y))
  apparent <- figures(drop(X %*% fit(once)), y, once)
  pairs <- apply(counts, 1, function(w) {
    eta <- drop(X %*% fit(w))
    c(figures(eta, y, w), figures(eta, y, once))
  })
  k <- length(apparent)
  rownames(pairs) <- rep(names(apparent), 2)
  training <- pairs[1:k, ]
  test <- pairs[k + 1:k, ]
  corrected <- apparent - rowMeans(training - test)
  sides <- apply(training - 1.25 * test, 1, two_sided)
  list(names = I(names(apparent)), apparent = apparent, training = rowMeans(training), test = rowMeans(test),
       optimism = rowMeans(training - test), corrected = corrected, lower = corrected - qnorm(0.975) * sides[2, ],
       upper = corrected + qnorm(0.975) * sides[1, ], slope_test = test["slope", ])
}

draws <- function(y, B, stratified) {
  n <- length(y)
  groups <- split(seq_len(n), y)
  t(vapply(seq_len(B), function(i) {
    if (!stratified) return(tabulate(sample(n, replace = TRUE), n))
    train <- integer(n)
    for (rows in groups) train[rows] <- sample(rows, length(rows), replace = TRUE)
    tabulate(train, n)
  }, integer(n)))
}

internal <- function(name, data, outcome, columns, rows, B, seed, stratified, l2 = 0) {
  table <- head(read.csv(file.path(data_dir, paste0(data, ".csv"))), rows)
  y <- table[[outcome]]
  X <- cbind(1, as.matrix(table[columns]))
  set.seed(seed)
  counts <- draws(y, B, stratified)
  out <- list(name = name, data = data, formula = paste(outcome, "~", paste(columns, collapse = " + ")), rows = rows,
              stratified = stratified, l2 = l2, counts = counts,
              exact = resampled(X, y, counts, c(0, rep(l2, length(columns)))))
  if (l2 > 0) return(out)
  fit <- lrm(as.formula(out$formula), data = table, x = TRUE, y = TRUE, eps = 1e-10)
  set.seed(seed)
  capture.output(found <- if (stratified) validate(fit, B = B, group = y, eps = 1e-10) else
    validate(fit, B = B, eps = 1e-10))
  wanted <- c("Dxy", "Intercept", "Slope", "D", "U", "Q", "B")
  found <- unclass(found)[wanted, c("index.orig", "training", "test", "optimism", "index.corrected")]
  ours <- out$exact
  pick <- c("joint_intercept", "slope", "discrimination", "unreliability", "quality", "brier")
  stopifnot(max(abs(ours$test[match(pick, ours$names)] - found[wanted != "Dxy", "test"])) < 1e-7)
  out$rms <- list(rows = I(wanted), columns = I(colnames(found)), values = unname(found))
  out$rms$shrinkage <- unname((fit$stats["Model L.R."] - length(columns)) / fit$stats["Model L.R."])
  out
}

external <- function(name, data, outcome, columns) {
  table <- read.csv(file.path(data_dir, paste0(data, ".csv")))
  odd <- seq_len(nrow(table)) %% 2 == 1
  X <- cbind(1, as.matrix(table[columns]))
  y <- table[[outcome]]
  eta <- drop(X[!odd, ] %*% newton(X[odd, ], y[odd], rep(1, sum(odd)))$beta)
  rest <- y[!odd]
  line <- newton(cbind(1, eta), rest, rep(1, length(rest)))
  p <- plogis(eta)
  found <- suppressWarnings(val.prob(p, rest, pl = FALSE))
  list(name = name, data = data, formula = paste(outcome, "~", paste(columns, collapse = " + ")),
       how = "fitted to rows 1, 3, ...; judged on rows 2, 4, ...",
       exact = as.list(figures(eta, rest, rep(1, length(rest)))),
       std_error = list(joint_intercept = sqrt(solve(line$H)[1, 1]), slope = sqrt(solve(line$H)[2, 2]),
                        tjur = sqrt(var(p[rest == 1]) / sum(rest) + var(p[rest == 0]) / sum(1 - rest)),
                        brier = sd((rest - p)^2) / sqrt(length(p))),
       val_prob = as.list(found[c("Dxy", "C (ROC)", "D", "U", "Q", "Brier", "Intercept", "Slope")]))
}

credit <- paste0("x", 1:6)
cases <- list(
  validate = list(
    internal("credit_rows", "german_credit", "bad", credit, 200, 25, 11, FALSE),
    internal("credit_stratified", "german_credit", "bad", credit, 200, 25, 12, TRUE),
    internal("credit_ridge", "german_credit", "bad", credit, 200, 25, 12, TRUE, l2 = 4)),
  val_prob = list(
    external("german_credit", "german_credit", "bad", paste0("x", 1:24)),
    external("wells", "wells", "switched", c("dist100", "arsenic", "educ4"))))
made_with <- list(R = R.version.string, rms = as.character(packageVersion("rms")), script = "make_validation.R")
writeLines(to_json(list(made_with = made_with, cases = cases)), file.path(here, "validation.json"))
