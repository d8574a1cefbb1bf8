#include "core/layers/packed_rows.h"

#include <gtest/gtest.h>

namespace elmo {
namespace {

TEST(PackedRowsTest, RowsThatStillRunAreAPrefixAndNothingIsPadded) {
  PackedRows rows;
  rows.Assign({4, 2, 2, 1});
  ASSERT_EQ(rows.steps(), 4);
  EXPECT_EQ(rows.rows_at(0), 4);
  EXPECT_EQ(rows.rows_at(1), 3);
  EXPECT_EQ(rows.rows_at(2), 1);
  EXPECT_EQ(rows.rows_at(3), 1);
  EXPECT_EQ(rows.total(), 4 + 2 + 2 + 1);
  EXPECT_EQ(rows.offset(2), 7);
  EXPECT_EQ(rows.max_rows(), 4);
}

TEST(PackedRowsTest, CanBeAssignedAgainAndBeEmpty) {
  PackedRows rows;
  rows.Assign({3});
  rows.Assign({});
  EXPECT_EQ(rows.steps(), 0);
  EXPECT_EQ(rows.total(), 0);
  EXPECT_EQ(rows.max_rows(), 0);
}

}  // namespace
}  // namespace elmo
