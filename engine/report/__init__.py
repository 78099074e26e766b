"""What is known of a model, for people: one page with figures, and the same as JSON.

==============  ================================================================================
`evidence`      what is kept beside a model at its training, so that the page needs nothing else
`content`       the report itself: card and evidence, put in order and into words
`figures`       one style for all figures, and how they come into a page
`drawings`      the figures of this report
`page`          the page: text, tables and figures in one file
`writing`       reports in the store
==============  ================================================================================
"""
