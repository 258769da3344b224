# Exact leave-one-out log-odds: every unit predicted by a fit without it, by glm and by Newton's method under an L2 penalty.
#
#     Rscript make_leave_one_out.R      writes leave_one_out.json beside this script, and ../data/vaso.csv
#
# Layout of leave_one_out.json: ../README.md.

here <- dirname(normalizePath(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1])))
source(file.path(here, "..", "json.R"))
TIGHT <- glm.control(epsilon = 1e-14, maxit = 100)

vaso <- robustbase::vaso
names(vaso) <- c("volume", "rate", "constricted")
write.csv(vaso, file.path(here, "..", "data", "vaso.csv"), row.names = FALSE, quote = FALSE)

# name, data, rows from the top, left and right side, keywords of LogitModel, standard deviation of the normal prior
case <- function(name, data, rows, left, rhs, trials = NULL, weights = NULL, weights_type = NULL, offset = NULL, scale = NULL)
  list(name = name, data = data, rows = rows, formula = paste(left, "~", rhs), event = NULL, trials = trials,
       weights = weights, weights_type = weights_type, offset = offset, scale = scale)
GERMAN <- paste(setdiff(names(read.csv(file.path(here, "..", "data", "german_credit.csv"))), "bad"), collapse = " + ")
CASES <- list(
  case("vaso", "vaso", 39, "constricted", "log(volume) + log(rate)"),
  case("vaso_ridge", "vaso", 39, "constricted", "log(volume) + log(rate)", scale = 2),
  case("german_credit", "german_credit", 400, "bad", GERMAN),
  case("german_credit_ridge", "german_credit", 400, "bad", GERMAN, scale = 0.3),
  case("pupils_counts", "pupils", 454, "solved", "hours + arm + prep", trials = "tries", offset = "dose"),
  case("survey_frequency", "survey", 61, "vote", "region + owner + income", weights = "count", weights_type = "frequency")
)

# Coefficients that maximise the log-likelihood of events s in m trials, each row counted w times, under Normal(0, scale) on
# all but the first.
fitted_by <- function(X, s, m, w, o, scale) {
  penalty <- if (is.null(scale)) rep(0, ncol(X)) else c(0, rep(1 / scale^2, ncol(X) - 1))
  start <- suppressWarnings(glm.fit(X, s / m, weights = w * m, offset = o, family = binomial(), control = TIGHT)$coefficients)
  beta <- unname(start)
  if (!is.null(scale)) beta <- 0 * beta
  for (i in 1:60) { # Newton: glm's own weights are those of the step before
    p <- plogis(as.vector(X %*% beta) + o)
    gradient <- crossprod(X, w * (s - m * p)) - penalty * beta
    step <- solve(crossprod(X, X * (w * m * p * (1 - p))) + diag(penalty, ncol(X)), gradient)
    beta <- beta + as.vector(step)
    if (max(abs(step)) < 1e-13 * (1 + max(abs(beta)))) break
  }
  stopifnot(max(abs(gradient)) < 1e-8)
  beta
}

figures <- function(x) {
  frame <- head(read.csv(file.path(here, "..", "data", paste0(x$data, ".csv")), stringsAsFactors = FALSE), x$rows)
  w <- if (is.null(x$weights)) rep(1, nrow(frame)) else frame[[x$weights]]
  position <- which(w > 0)
  frame <- frame[position, ]
  w <- w[position]
  X <- model.matrix(as.formula(x$formula), frame)
  s <- frame[[all.vars(as.formula(x$formula))[1]]]
  m <- if (is.null(x$trials)) rep(1, nrow(frame)) else frame[[x$trials]]
  o <- if (is.null(x$offset)) rep(0, nrow(frame)) else frame[[x$offset]]
  eta <- vapply(seq_along(s), function(i) {
    rest <- w
    rest[i] <- w[i] - 1
    keep <- rest > 0
    beta <- fitted_by(X[keep, , drop = FALSE], s[keep], m[keep], rest[keep], o[keep], x$scale)
    sum(X[i, ] * beta) + o[i]
  }, 0)
  c(x, list(position = I(position - 1), log_odds = I(eta)))
}

made_with <- list(R = R.version.string, robustbase = as.character(packageVersion("robustbase")))
writeLines(to_json(list(made_with = made_with, cases = lapply(CASES, figures))), file.path(here, "leave_one_out.json"))
