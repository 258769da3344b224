"""What a fit is asked, one module for each kind of question; `problogit.fit.Fit` is all of them."""
