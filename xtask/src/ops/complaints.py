"""What is wrong, all of it: one run tells all there is to mend."""

complaints = []


def complain(where, what):
    complaints.append(f"{where}: {what}")
