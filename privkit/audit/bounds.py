"""stub"""


def bounds_table(material, name, values, trials, seed):
    from privkit.result import Table

    return Table("x", ["a"], [])
