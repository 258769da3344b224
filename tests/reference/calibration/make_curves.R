# Calibration curves, their distances from the diagonal, tests and decompositions: rms::val.prob, lowess, loess, isoreg,
# glm on rms::rcspline.eval.
#
#     Rscript make_curves.R       writes curves.json beside this script
#
# Layout of curves.json: ../README.md.

suppressPackageStartupMessages(library(rms))

here <- dirname(normalizePath(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1])))
source(file.path(here, "..", "json.R"))
data_dir <- file.path(here, "..", "data")
TIGHT <- glm.control(epsilon = 1e-14, maxit = 100)
QUANTILES <- list(`3` = c(.1, .5, .9), `4` = c(.05, .35, .65, .95), `5` = c(.05, .275, .5, .725, .95))

distances <- function(curve, p) {
  away <- abs(curve - p)
  list(ici = mean(away), e50 = unname(quantile(away, .5)), e90 = unname(quantile(away, .9)), emax = max(away),
       eci = 100 * mean(away^2))
}

cut01 <- function(curve) pmin(pmax(curve, 0), 1)

# Isotonic regression after pooling equal predictions: isoreg has no weights, so every pooled mean stands n times.
corp <- function(p, y) {
  groups <- split(y, p)
  means <- rep(vapply(groups, mean, 0), lengths(groups))
  fitted <- isoreg(means)$yf
  ordered <- sort(p)
  r <- fitted[match(p, ordered)]
  brier <- function(q) mean((y - q)^2)
  log_score <- function(q) -mean(ifelse(y == 1, log(q), log1p(-q)))
  parts <- function(s) list(score = s(p), mcb = s(p) - s(r), dsc = s(rep(mean(y), length(y))) - s(r), unc = s(rep(mean(y), length(y))))
  list(recalibrated = r, brier = parts(brier), log_score = parts(log_score))
}

spline_curve <- function(eta, y, knots) {
  x <- rcspline.eval(eta, knots = quantile(eta, QUANTILES[[as.character(knots)]]), inclx = TRUE)
  fit <- glm(y ~ x, family = binomial, control = TIGHT)
  drawn <- predict(fit, se.fit = TRUE)
  list(knots = knots, curve = unname(plogis(drawn$fit)), lower = unname(plogis(drawn$fit - qnorm(.975) * drawn$se.fit)),
       upper = unname(plogis(drawn$fit + qnorm(.975) * drawn$se.fit)),
       lr = 2 * (as.numeric(logLik(fit)) - sum(dbinom(y, 1, plogis(eta), log = TRUE))),
       distances = distances(plogis(drawn$fit), plogis(eta)))
}

case <- function(name, how, eta, y, knots) {
  p <- plogis(eta)
  line <- glm(y ~ eta, family = binomial, control = TIGHT)
  u <- 2 * (as.numeric(logLik(line)) - sum(dbinom(y, 1, p, log = TRUE)))
  lean <- 1 - 2 * p
  z <- sum((y - p) * lean) / sqrt(sum(lean^2 * p * (1 - p)))
  checked <- suppressWarnings(val.prob(p, y, pl = FALSE))
  chosen <- c("U:Chi-sq", "U:p", "Brier", "Intercept", "Slope", "Emax", "E90", "Eavg", "S:z", "S:p")
  val_prob <- as.list(checked[chosen])
  names(val_prob) <- c("u", "u_p", "brier", "intercept", "slope", "emax", "e90", "eavg", "z", "z_p")
  exact <- lowess(p, y, iter = 0, delta = 0)
  direct <- predict(loess(y ~ p, control = loess.control(surface = "direct", statistics = "approximate")))
  list(name = name, how = how, eta = I(eta), y = I(y),
       u = list(statistic = u, p_value = pchisq(u, 2, lower.tail = FALSE)), z = list(statistic = z, p_value = 2 * pnorm(-abs(z))),
       val_prob = val_prob, lowess = distances(cut01(approx(exact, xout = p, ties = mean)$y), p),
       lowess_leaves = any(exact$y < 0 | exact$y > 1), # val.prob does not cut
       loess = distances(cut01(direct), p), loess_default = distances(cut01(predict(loess(y ~ p))), p),
       spline = spline_curve(eta, y, knots), corp = corp(p, y))
}

external <- function(data, formula, outcome) {
  table <- read.csv(file.path(data_dir, paste0(data, ".csv")))
  odd <- seq_len(nrow(table)) %% 2 == 1
  fit <- glm(as.formula(formula), family = binomial, data = table[odd, ], control = TIGHT)
  list(eta = unname(predict(fit, table[!odd, ])), y = table[!odd, outcome])
}

credit <- external("german_credit", paste("bad ~", paste0("x", 1:24, collapse = " + ")), "bad")
wells <- external("wells", "switched ~ dist100 + educ", "switched")
set.seed(7)
p <- round(rbeta(90, 2, 3), 2)
cases <- list(
  case("german_credit", "fitted to rows 1, 3, ...; judged on rows 2, 4, ...", credit$eta, credit$y, 5),
  case("wells_ties", "the same; log-odds rounded to 0.1", round(head(wells$eta, 400), 1), head(wells$y, 400), 4),
  case("rounded", "90 simulated outcomes of predictions with two decimals", qlogis(p), rbinom(90, 1, plogis(.6 * qlogis(p) + .4)), 3))
made_with <- list(R = R.version.string, rms = as.character(packageVersion("rms")), script = "make_curves.R")
writeLines(to_json(list(made_with = made_with, cases = cases)), file.path(here, "curves.json"))
