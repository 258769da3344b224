# Penalty paths by glmnet, standardize = FALSE, at a tight threshold; run by make_paths.py, which writes the data.
#
#     Rscript make_paths.R FOLDER OUT      FOLDER holds <case>.csv (row, column, value of X from 1) and <case>_y.csv
#
# Strengths are on the sum scale: -loglik + l1 |b|_1 + l2/2 |b|_2^2 with l1 = n lambda alpha, l2 = n lambda (1 - alpha).
# Cross-validated scores hold the strengths of the sum scale in every training set: lambda there is strength / n_train.

suppressPackageStartupMessages({
  library(Matrix)
  library(glmnet)
})

arguments <- commandArgs(TRUE)
here <- dirname(normalizePath(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1])))
source(file.path(here, "..", "json.R"))
glmnet.control(fdev = 0, devmax = 1, pmin = 1e-15, mnlam = 1)
THRESH <- 1e-18

CASES <- list(
  list(name = "dense_50", p = 50, alpha = 1, ratio = 1e-4, values = 60),
  list(name = "dense_50_half", data = "dense_50", p = 50, alpha = 0.5, ratio = 1e-4, values = 30),
  list(name = "dense_50_ridge", data = "dense_50", p = 50, alpha = 0, ratio = 1e-5, values = 30),
  list(name = "sparse_50", p = 50, alpha = 1, ratio = 1e-4, values = 60),
  list(name = "dense_5000", p = 5000, alpha = 1, ratio = 0.02, values = 30),
  list(name = "sparse_5000", p = 5000, alpha = 1, ratio = 0.02, values = 30)
)

read_case <- function(data, p) {
  triples <- read.csv(file.path(arguments[1], paste0(data, ".csv")))
  y <- read.csv(file.path(arguments[1], paste0(data, "_y.csv")))$y
  X <- sparseMatrix(i = triples$row, j = triples$column, x = triples$value, dims = c(length(y), p))
  list(X = if (grepl("^dense", data)) as.matrix(X) else X, y = y)
}

loss <- function(y, eta) -plogis((2 * y - 1) * eta, log.p = TRUE) # eta: a column for each strength

follow <- function(case) {
  data <- if (is.null(case$data)) case$name else case$data
  read <- read_case(data, case$p)
  X <- read$X
  y <- read$y
  n <- length(y)
  top <- max(abs(as.numeric(crossprod(X, y - mean(y))))) / n
  lambda <- top / max(case$alpha, 0.01) * case$ratio^((seq_len(case$values) - 1) / (case$values - 1))
  fit <- glmnet(X, y, family = "binomial", alpha = case$alpha, lambda = lambda, standardize = FALSE, thresh = THRESH,
                maxit = 1e8)
  stopifnot(length(fit$lambda) == length(lambda))
  eta <- as.matrix(X %*% fit$beta) + rep(fit$a0, each = n)
  strength <- n * lambda
  norms <- colSums(abs(fit$beta))
  squares <- colSums(fit$beta^2)
  objective <- colSums(matrix(loss(y, eta), n)) + strength * (case$alpha * norms + (1 - case$alpha) / 2 * squares)
  out <- list(name = case$name, data = data, alpha = case$alpha, strength = I(strength), objective = I(unname(objective)))
  if (case$alpha > 0) {
    out$support <- lapply(seq_along(lambda), function(k) I(which(fit$beta[, k] != 0) - 1))
  }
  if (data == "dense_50" && case$alpha == 1) out <- c(out, cross_validated(X, y, strength))
  out
}

cross_validated <- function(X, y, strength) {
  fold <- (seq_along(y) - 1) %% 5
  means <- sapply(0:4, function(k) {
    train <- fold != k
    fit <- glmnet(X[train, ], y[train], family = "binomial", lambda = strength / sum(train), standardize = FALSE,
                  thresh = THRESH, maxit = 1e8)
    stopifnot(length(fit$lambda) == length(strength))
    eta <- X[!train, ] %*% fit$beta + rep(fit$a0, each = sum(!train))
    colMeans(matrix(loss(y[!train], as.matrix(eta)), sum(!train)))
  })
  list(cv_score = I(rowMeans(means)), cv_error = I(apply(means, 1, sd) / sqrt(5)))
}

made_with <- list(r = R.version.string, glmnet = as.character(packageVersion("glmnet")), thresh = THRESH)
writeLines(to_json(list(made_with = made_with, cases = lapply(CASES, follow))), arguments[2])
