/*
 * The Merkle tree against the published vectors of the Certificate Transparency project, and
 * against the recursive definition of RFC 6962 2.1 for every size up to 200.
 */
#include "crypto/merkle.h"

#include <string.h>

#include "tests/support/material.h"
#include "tests/support/suite.h"

static void test_published_vectors(void)
{
    static const char *const entries[] = {
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    };
    static const char *const roots[] = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    };
    struct kf_merkle tree = {.size = 0};

    for (size_t i = 0; i <= 8; i++) {
        uint8_t root[KF_SHA256_SIZE];
        uint8_t entry[16];
        uint8_t leaf[KF_SHA256_SIZE];
        char hex[2 * KF_SHA256_SIZE + 1];
        size_t len;

        CU_ASSERT_EQUAL(kf_merkle_root(material_crypto(), &tree, root, NULL), KF_OK);
        kf_hex(hex, root, sizeof(root));
        CU_ASSERT_STRING_EQUAL(hex, roots[i]);
        if (i == 8)
            break;
        len = strlen(entries[i]) / 2;
        CU_ASSERT(kf_hex_decode(entries[i], 2 * len, entry, len));
        CU_ASSERT_EQUAL(
            kf_merkle_leaf(material_crypto(), (struct kf_slice){entry, len}, leaf, NULL), KF_OK);
        CU_ASSERT_EQUAL(kf_merkle_add(material_crypto(), &tree, leaf, NULL), KF_OK);
    }
}

/* RFC 6962 2.1, as it is written there */
static void defined_root(uint8_t (*leaves)[KF_SHA256_SIZE], size_t count,
                         uint8_t root[KF_SHA256_SIZE])
{
    uint8_t bytes[1 + 2 * KF_SHA256_SIZE] = {1};
    size_t split = 1;

    if (count == 1) {
        memcpy(root, leaves[0], KF_SHA256_SIZE);
        return;
    }
    while (split * 2 < count)
        split *= 2;
    defined_root(leaves, split, bytes + 1);
    defined_root(leaves + split, count - split, bytes + 1 + KF_SHA256_SIZE);
    CU_ASSERT_EQUAL(
        kf_digest(material_crypto()->sha256, (struct kf_slice){bytes, sizeof(bytes)}, root, NULL),
        KF_OK);
}

static void test_every_size_follows_the_definition(void)
{
    static uint8_t leaves[200][KF_SHA256_SIZE];
    struct kf_merkle tree = {.size = 0};

    for (size_t i = 0; i < 200; i++) {
        uint8_t byte = (uint8_t)i;
        uint8_t root[KF_SHA256_SIZE];
        uint8_t expected[KF_SHA256_SIZE];

        CU_ASSERT_EQUAL(
            kf_merkle_leaf(material_crypto(), (struct kf_slice){&byte, 1}, leaves[i], NULL), KF_OK);
        CU_ASSERT_EQUAL(kf_merkle_add(material_crypto(), &tree, leaves[i], NULL), KF_OK);
        CU_ASSERT_EQUAL(kf_merkle_root(material_crypto(), &tree, root, NULL), KF_OK);
        defined_root(leaves, i + 1, expected);
        CU_ASSERT(memcmp(root, expected, sizeof(root)) == 0);
    }
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"published vectors", test_published_vectors},
        {"every size follows the definition", test_every_size_follows_the_definition},
        {NULL, NULL},
    };

    return suite_run("merkle", tests);
}
