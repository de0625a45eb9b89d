def iou(a, b):
    rows = []
    for ax1, ay1, ax2, ay2 in a.tolist():
        row = []
        for bx1, by1, bx2, by2 in b.tolist():
            inter = max(0, min(ax2, bx2) - max(ax1, bx1)) * max(0, min(ay2, by2) - max(ay1, by1))
            row.append(inter / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - inter))
        rows.append(row)
    return rows
