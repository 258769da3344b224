# Leverage, Cook's distance, DFBETAS, residuals, variance inflation, collinearity and the link test: stats and car. The ends
# of the quantile residuals are those of statmod::qres.binom.
#
#     Rscript make_influence.R       writes influence.json beside this script
#
# Layout of influence.json: ../README.md.

suppressPackageStartupMessages(library(car))

here <- dirname(normalizePath(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1])))
source(file.path(here, "..", "json.R"))
TIGHT <- glm.control(epsilon = 1e-14, maxit = 100)
ARM <- c("arm[T.long]", "arm[T.short]")
CLINIC <- c("Intercept", "arm[T.high]", "arm[T.low]", "age", "smoker")

# name, data, left and right side of the formula, keywords of LogitModel, the terms as formulaic names them
case <- function(name, data, left, rhs, terms, event = NULL, trials = NULL, weights = NULL, weights_type = NULL, offset = NULL)
  list(name = name, data = data, left = left, rhs = rhs, terms = terms, event = event, trials = trials, weights = weights,
       weights_type = weights_type, offset = offset)
CASES <- list(
  case("clinic", "clinic", "outcome", "arm + age + smoker", CLINIC, event = "relapse"),
  case("clinic_importance", "clinic", "outcome", "arm + age + smoker", CLINIC, event = "relapse", weights = "weight",
       weights_type = "importance"),
  case("pupils_interaction", "pupils", "passed", "hours + arm * prep",
       c("Intercept", "hours", ARM, "prep", paste0(ARM, ":prep"))),
  case("pupils_counts", "pupils", "solved", "hours + arm + prep", c("Intercept", "hours", ARM, "prep"), trials = "tries",
       offset = "dose"),
  case("pupils_sampling", "pupils", "passed", "hours + arm + prep", c("Intercept", "hours", ARM, "prep"), weights = "weight",
       weights_type = "sampling"),
  case("seeds", "seeds", "germinated", "variety * extract + temperature",
       c("Intercept", "variety[T.old]", "extract[T.cucumber]", "temperature", "variety[T.old]:extract[T.cucumber]"),
       trials = "planted"),
  case("breast_cancer", "breast_cancer", "malignant", "radius + perimeter + texture + smoothness",
       c("Intercept", "radius", "perimeter", "texture", "smoothness")),
  case("survey_frequency", "survey", "vote", "region + owner + income",
       c("Intercept", "region[T.north]", "region[T.south]", "owner", "income"), weights = "count", weights_type = "frequency")
)

# The table that R fits: .p the share of events, .w trials times weight, .m trials, .o offset, .row the row of the CSV.
table_of <- function(x) {
  frame <- read.csv(file.path(here, "..", "data", paste0(x$data, ".csv")), stringsAsFactors = FALSE)
  frame$.row <- seq_len(nrow(frame)) - 1
  kind <- if (is.null(x$weights_type)) "" else x$weights_type
  if (kind == "frequency") frame <- frame[rep(seq_len(nrow(frame)), frame[[x$weights]]), ]
  w <- if (kind %in% c("importance", "sampling")) frame[[x$weights]] else rep(1, nrow(frame))
  if (kind == "sampling") w <- w * length(w) / sum(w)
  frame$.m <- if (is.null(x$trials)) rep(1, nrow(frame)) else frame[[x$trials]]
  events <- if (is.null(x$event)) frame[[x$left]] else as.numeric(frame[[x$left]] == x$event)
  frame$.p <- events / frame$.m
  frame$.w <- frame$.m * w
  frame$.o <- if (is.null(x$offset)) rep(0, nrow(frame)) else frame[[x$offset]]
  frame
}

fit_of <- function(rhs, frame, start = NULL, offset = TRUE) {
  run <- function(start) {
    arguments <- list(as.formula(paste(".p ~", rhs)), family = binomial(), data = frame, weights = frame$.w,
                      offset = if (offset) frame$.o, start = start, control = TIGHT)
    suppressWarnings(do.call(glm, arguments)) # fractional weights: "non-integer #successes"
  }
  run(unname(coef(run(start)))) # a refit from the optimum: the working weights are those of the step before
}

# Belsley, Kuh & Welsch (1980): columns of unit length, singular values d, proportions of (v / d)^2 over the rows.
belsley <- function(X) {
  s <- svd(X %*% diag(1 / sqrt(colSums(X^2)), ncol(X)))
  phi <- t(sweep(s$v, 2, s$d, "/")^2)
  list(index = I(s$d[1] / s$d), proportions = unname(phi %*% diag(1 / colSums(phi), ncol(phi))))
}

link_test <- function(fit, frame) {
  eta <- fit$linear.predictors
  frame$.eta <- eta
  frame$.square <- (eta - mean(eta))^2 # the same test, better conditioned
  small <- fit_of(".eta", frame, offset = FALSE)
  big <- fit_of(".eta + .square", frame, offset = FALSE)
  loglik <- function(f) sum(frame$.w * (frame$.p * f$linear.predictors - log1p(exp(f$linear.predictors))))
  list(statistic = 2 * (loglik(big) - loglik(small)), coef = unname(coef(big)[3]), se = sqrt(vcov(big)[3, 3]))
}

figures <- function(x) {
  frame <- table_of(x)
  fit <- fit_of(x$rhs, frame)
  X <- model.matrix(fit)
  first <- which(!duplicated(frame$.row)) # one copy of each row
  cooks <- cooks.distance(fit)[first]
  shown <- sort(union(round(seq(1, length(first), length.out = min(20, length(first)))), order(-cooks)[1:10]))
  rows <- first[shown]
  h <- hatvalues(fit)
  se <- sqrt(diag(vcov(fit)))
  step <- (X %*% vcov(fit)) * (fit$prior.weights * (frame$.p - fitted(fit)) / (1 - h))
  exact <- t(vapply(rows, function(i) coef(fit) - coef(fit_of(x$rhs, frame[-i, ], coef(fit))), coef(fit)))
  at <- function(values) I(unname(values[rows]))
  in_rows <- function(values) unname(values[rows, ])
  events <- round(frame$.p * frame$.m)
  V <- vif(fit)
  gvif <- if (is.matrix(V)) V[, 1] else V
  df <- if (is.matrix(V)) V[, 2] else rep(1, length(V))
  root <- sqrt(fit$weights)
  centred <- scale(X[, -1], colSums(fit$weights * X[, -1]) / sum(fit$weights), FALSE)
  list(
    name = x$name, data = x$data, formula = paste(x$left, "~", x$rhs), event = x$event, trials = x$trials,
    weights = x$weights, weights_type = x$weights_type, offset = x$offset, terms = I(x$terms), coef = I(unname(coef(fit))),
    rows = list(
      position = I(frame$.row[rows]), leverage = at(h), cooks_distance = at(cooks.distance(fit)),
      deviance = at(residuals(fit, "deviance")), pearson = at(residuals(fit, "pearson")),
      response = at(residuals(fit, "response")), std_deviance = at(rstandard(fit)),
      std_pearson = at(rstandard(fit, type = "pearson")), dfbetas_r = in_rows(dfbetas(fit)),
      dfbetas = in_rows(sweep(step, 2, se, "/")), exact = unname(sweep(exact, 2, se, "/")),
      quantile_lower = at(pbinom(events - 1, frame$.m, fitted(fit))), quantile_upper = at(pbinom(events, frame$.m, fitted(fit)))
    ),
    sums = list(leverage = sum(h), cooks_distance = sum(cooks), dfbetas_r = I(unname(colSums(abs(dfbetas(fit)[first, ]))))),
    vif = list(term = I(names(gvif)), gvif = I(unname(gvif)), df = I(unname(df))),
    collinearity = list(raw = belsley(root * X), centred = belsley(root * centred)),
    link = link_test(fit, frame)
  )
}

made <- list(made_with = list(R = R.version.string, car = as.character(packageVersion("car"))), cases = lapply(CASES, figures))
writeLines(to_json(made), file.path(here, "influence.json"))
